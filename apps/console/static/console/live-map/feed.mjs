/**
 * Follows the feed `watchfloor.feed.v1`: one socket, several subscriptions, and a picture that is always whole.
 *
 * - A subscription is a topic and three callbacks. `replace(features)` hands over a complete snapshot, only when all of
 *   it has come; `change(frame)` one change after it; nobody ever sees half a snapshot.
 * - After a break each subscription resumes from its cursor (epoch, offset, view). Where the server cannot fill the
 *   hole it says `gap`, and the snapshot that follows replaces what we had.
 * - Reconnects wait a random part of a growing time, so that a thousand screens do not come back at once. Close codes
 *   44xx are final: asking again would not help.
 */

const SUBPROTOCOL = "watchfloor.feed.v1";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
const STABLE_AFTER_MS = 10_000;
const MISSED_HEARTBEATS = 2.5;

export class Feed {
  #url;
  #onState;
  #socket = null;
  #hello = null;
  #subscriptions = new Map();
  #attempt = 0;
  #timer = null;
  #watchdog = null;
  #stable = null;
  #nextId = 1;
  #closed = false;

  /** `onState({name, detail, retryAtMs?})`; names: connecting, live, waiting, refused, closed. */
  constructor(url, { onState = () => {} } = {}) {
    this.#url = url;
    this.#onState = onState;
    globalThis.addEventListener?.("online", () => this.#hurry());
  }

  /** Follow a topic. Call before or after `open`. */
  subscribe(sub, { topic, replace, change, minIntervalMs }) {
    const subscription = { sub, topic, replace, change, minIntervalMs, cursor: null, parts: null, early: [] };
    this.#subscriptions.set(sub, subscription);
    if (this.#hello) this.#ask(subscription);
  }

  /** Connect, and stay connected. */
  open() {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#timer);
    this.#state("connecting");
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.addEventListener("message", (message) => this.#receive(socket, message.data));
    socket.addEventListener("close", (event) => this.#lost(socket, event));
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#state("closed");
  }

  #state(name, more = {}) {
    this.#onState({ name, ...more });
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ id: String(this.#nextId++), ...frame }));
  }

  #ask(subscription) {
    subscription.parts = null;
    const { sub, topic, minIntervalMs, cursor } = subscription;
    this.#send({ type: "subscribe", sub, topic, snapshot: true, resume: cursor, min_interval_ms: minIntervalMs });
  }

  #receive(socket, text) {
    if (socket !== this.#socket) return;
    this.#watch();
    let frames;
    try {
      frames = JSON.parse(text);
    } catch {
      socket.close(4000, "unreadable frame");
      return;
    }
    for (const frame of Array.isArray(frames) ? frames : [frames]) this.#take(frame);
  }

  #take(frame) {
    switch (frame.type) {
      case "hello":
        return this.#greeted(frame);
      case "ping":
        return this.#send({ type: "pong" });
      case "goaway":
        return this.#goAway(frame.retry_after_ms);
      case "error":
        return console.warn("The feed refused a frame:", frame.problem?.title);
      default: {
        const subscription = this.#subscriptions.get(frame.sub);
        if (subscription) this.#deliver(subscription, frame);
      }
    }
  }

  #greeted(frame) {
    this.#hello = frame;
    this.#state("live", { detail: frame });
    this.#stable = setTimeout(() => (this.#attempt = 0), STABLE_AFTER_MS);
    this.#watch();
    for (const subscription of this.#subscriptions.values()) this.#ask(subscription);
  }

  #deliver(subscription, frame) {
    switch (frame.type) {
      case "subscribed":
        subscription.cursor = { epoch: frame.epoch, offset: frame.offset, view: frame.view };
        if (!frame.recovered) this.#beginSnapshot(subscription);
        return;
      case "snapshot":
        return this.#gather(subscription, frame);
      case "event":
        return subscription.parts ? subscription.early.push(frame) : this.#change(subscription, frame);
      case "bookmark":
        return this.#stand(subscription, frame);
      case "gap":
        return this.#beginSnapshot(subscription);
    }
  }

  #stand(subscription, { offset, view }) {
    const { cursor } = subscription;
    if (cursor && Number.isFinite(offset)) cursor.offset = Math.max(cursor.offset, offset);
    if (cursor && view) cursor.view = view;
  }

  #beginSnapshot(subscription) {
    subscription.parts = [];
    subscription.early = [];
  }

  #gather(subscription, frame) {
    if (!subscription.parts) this.#beginSnapshot(subscription);
    subscription.parts.push(...frame.features);
    if (frame.last === false) return;
    const { parts, early } = subscription;
    subscription.parts = null;
    subscription.replace(parts);
    for (const change of early) this.#change(subscription, change);
  }

  #change(subscription, frame) {
    this.#stand(subscription, frame);
    subscription.change(frame);
  }

  #watch() {
    clearTimeout(this.#watchdog);
    const heartbeat = this.#hello?.heartbeat_s ?? 20;
    this.#watchdog = setTimeout(() => this.#socket?.close(4000, "no heartbeat"), heartbeat * MISSED_HEARTBEATS * 1000);
  }

  #goAway(retryAfterMs) {
    const socket = this.#socket;
    this.#lost(socket, { code: 4500, reason: "the server is going away" }, retryAfterMs);
    socket.close(1000);
  }

  #lost(socket, event, retryAfterMs = 0) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#hello = null;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#stable);
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.parts) subscription.cursor = null; // half a snapshot is nothing to resume from
      subscription.parts = null;
    }
    if (this.#closed) return;
    if (event.code >= 4400 && event.code < 4500) {
      this.#state("refused", { detail: event.reason, code: event.code });
      return;
    }
    const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempt++);
    const wait = retryAfterMs + ceiling * (0.2 + 0.8 * Math.random());
    this.#timer = setTimeout(() => this.open(), wait);
    this.#state("waiting", { detail: event.reason, retryAtMs: Date.now() + wait });
  }

  #hurry() {
    if (this.#closed || this.#socket) return;
    this.#attempt = 0;
    this.open();
  }
}
