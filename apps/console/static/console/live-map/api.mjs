/** The few REST calls of the map, with the session's cookie. A refusal becomes an `ApiError` with words for a person. */

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `The server answered ${status}.`);
    this.status = status;
    this.code = String(problem?.type ?? "").split(":").pop();
  }
}

/**
 * Take an incident into one's hands as it is now. Its lifecycle says whether it can still be taken; that it has been
 * found once more, or has escalated, in the moment of the click is no reason to refuse, so no version is asked for.
 */
export async function acknowledgeIncident(incidentId) {
  await call("POST", `incidents/${encodeURIComponent(incidentId)}/transitions`, {
    headers: { "If-Match": "*", "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) },
    body: { transition: "acknowledge" },
  });
}

/** The track of an asset since an instant, as a GeoJSON geometry or null. */
export async function trackOf(assetId, sinceMs) {
  const query = new URLSearchParams({ datetime: `${new Date(sinceMs).toISOString()}/..`, max_points: "400" });
  const response = await call("GET", `assets/${encodeURIComponent(assetId)}/track?${query}`);
  const { geometry = null } = await response.json();
  return geometry;
}

/** What an operation plans, and who plans it: `{organisation, volumes, asset_ids}`; a name one may not see is null. */
export async function planOf(operationId) {
  const operation = await (await call("GET", `operations/${encodeURIComponent(operationId)}`)).json();
  const { organisation_id: id, volumes = [], asset_ids = [] } = operation;
  const owner = id && (await call("GET", `organisations/${encodeURIComponent(id)}`).then((found) => found.json(), () => null));
  return { organisation: owner?.name ?? null, volumes, asset_ids };
}

/** Who is inside what now: `{zone id: [asset id, ...]}`. */
export async function stays(url) {
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (!response.ok) throw new ApiError(response.status, null);
  return response.json();
}

async function call(method, path, { headers = {}, body } = {}) {
  const response = await fetch(new URL(path, apiRoot()), {
    method,
    credentials: "same-origin",
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken(), ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null));
  return response;
}

function apiRoot() {
  return new URL(document.body.dataset.api, location.href);
}

function csrfToken() {
  return document.body.dataset.csrf;
}
