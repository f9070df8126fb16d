/** The bar: what the connection is doing, the clock, and the count of what is seen. */

import { setText } from "../../core/lib/dom.mjs";
import { clock, countdown } from "../lib/format.mjs";

const LABELS = {
  connecting: () => "Connecting",
  live: () => "Live",
  waiting: ({ retryAtMs }, nowMs) => `Reconnecting in ${countdown(retryAtMs, nowMs)}`,
  refused: ({ code }) => (code === 4401 ? "Signed out" : "Not allowed"),
  closed: () => "Closed",
};
const QUIET_AFTER_MS = 15_000;

export class Status {
  #nodes;
  #state = { name: "connecting" };
  #heardAt = 0;
  #fixes = [];

  /** `nodes`: connection, clock, rate and one per connectivity in `counts`. */
  constructor(nodes) {
    this.#nodes = nodes;
  }

  connection(state) {
    this.#state = state;
    if (state.name === "live") this.#heardAt = Date.now();
    this.tick(Date.now());
  }

  /** A fix has come. */
  heard(nowMs) {
    this.#heardAt = nowMs;
    this.#fixes.push(nowMs);
  }

  counts(positions) {
    const counts = { online: 0, late: 0, lost: 0 };
    for (const { properties } of positions.values()) counts[properties.connectivity ?? "online"]++;
    for (const [name, node] of Object.entries(this.#nodes.counts)) setText(node, String(counts[name]));
  }

  tick(nowMs) {
    const { name } = this.#state;
    this.#nodes.connection.dataset.state = name;
    setText(this.#nodes.connectionText, LABELS[name](this.#state, nowMs));
    setText(this.#nodes.clock, clock(nowMs));
    this.#fixes = this.#fixes.filter((at) => at > nowMs - 10_000);
    const quiet = name === "live" && nowMs - this.#heardAt > QUIET_AFTER_MS;
    setText(this.#nodes.rate, quiet ? "no fixes" : `${(this.#fixes.length / 10).toFixed(1)} fixes/s`);
  }
}
