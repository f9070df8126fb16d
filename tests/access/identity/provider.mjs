// A real OpenID provider for the tests: npm's oidc-provider, with people who sign in by name and faults by request.
//
// Environment: MODULES (where npm put the packages), BACK_TO and AFTER_LOGOUT (our callback, our login page).
// Prints its issuer when it listens. `POST /fault` takes claims to falsify in the next ID tokens, `POST /people`
// what it says of whom.

import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const load = (name, file) => import(pathToFileURL(join(process.env.MODULES, name, file)));
const { default: Provider } = await load("oidc-provider", "lib/index.js");
const { SignJWT, decodeJwt, importJWK } = await load("jose", "dist/webapi/index.js");

const ALGORITHM = "RS256";
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...pair.privateKey.export({ format: "jwk" }), kid: "first", alg: ALGORITHM, use: "sig" };
const signer = await importJWK(key, ALGORITHM);
const people = new Map();
let fault = {};

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: "watchfloor",
    client_secret: "a secret that is known to both",
    redirect_uris: [process.env.BACK_TO],
    post_logout_redirect_uris: [process.env.AFTER_LOGOUT],
    response_types: ["code"],
    grant_types: ["authorization_code"],
  }],
  jwks: { keys: [key] },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email", "email_verified"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people.get(id) }) }),
  // Nobody is asked for consent: the provider and we belong together.
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});
provider.use(async (context, next) => {
  await next();
  if (context.path === "/token" && context.body?.id_token && Object.keys(fault).length) {
    const claims = { ...decodeJwt(context.body.id_token), ...fault };
    context.body.id_token = await new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, kid: "first" }).sign(signer);
  }
});

async function told(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

const answer = provider.callback();
server.on("request", async (request, response) => {
  if (request.method === "POST" && request.url === "/fault") fault = await told(request);
  else if (request.method === "POST" && request.url === "/people") {
    for (const [id, claims] of Object.entries(await told(request))) people.set(id, claims);
  } else return answer(request, response);
  response.writeHead(204).end();
});
console.log(issuer);
