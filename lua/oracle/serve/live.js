/* live.js - what a server does, from /live.json every second: numbers, charts of the last ten minutes, a table of its replicas;
   and, where orders are taken, buttons that give them. What comes from the server is text here, never HTML. */
(function () {
  "use strict";

  const KEPT = 600;                                        // samples of the charts
  const page = document.getElementById("page");
  const charts = window.oracleCharts && window.Chart ? window.oracleCharts : null;
  let before = null, key = "", drawn = [];
  const past = { t: [], requests: [], tokens: [], running: [], waiting: [], kv: [], hits: [], ttft50: [], ttft99: [],
                 itl50: [], itl99: [], tpot50: [], tpot99: [] };

  function element(name, attributes, ...inside) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes || {}))
      if (k.startsWith("on")) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v);
    e.append(...inside);
    return e;
  }

  function number(v, digits) {
    if (v === null || v === undefined || !isFinite(v)) return "-";
    return v.toLocaleString("en-US", { maximumFractionDigits: digits === undefined ? 1 : digits });
  }

  /* ---- the frame ---- */

  const title = element("h1", { id: "model" }, "oracle serve");
  const badges = element("ul", { class: "badges" });
  const cards = element("dl", { class: "cards", id: "cards" });
  const grid = element("div", { class: "grid" });
  const body = element("tbody", { id: "replicas" });
  const orders = element("section", { id: "orders", hidden: "" });
  const notice = element("p", { class: "quiet", role: "status", id: "said" });
  const COLUMNS = ["replica", "pool", "phase", "running", "waiting", "KV cache (%)", "hit rate (%)", "tokens/s", "preemptions", ""];

  page.append(
    element("header", { class: "bar" }, element("strong", {}, "oracle"), element("span", { class: "quiet" }, "serve")),
    element("main", {}, title, badges, element("h2", {}, "Now"), cards, element("h2", {}, "The last ten minutes"), grid,
      element("h2", {}, "Replicas"),
      element("div", { class: "panel scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, ...COLUMNS.map(c => element("th", { scope: "col" }, c)))), body)),
      orders, notice));

  const FIGURES = [
    { title: "Throughput", unit: "tokens/s", lines: [["generated", "tokens"]] },
    { title: "Requests", unit: "requests", lines: [["running", "running"], ["waiting", "waiting"]] },
    { title: "KV cache and prefix hits", unit: "%", lines: [["KV cache in use", "kv"], ["prefix hit rate", "hits"]] },
    { title: "Time to first token", unit: "ms", lines: [["p50", "ttft50"], ["p99", "ttft99"]] },
    { title: "Inter-token latency", unit: "ms", lines: [["p50", "itl50"], ["p99", "itl99"]] },
    { title: "Time per output token", unit: "ms", lines: [["p50", "tpot50"], ["p99", "tpot99"]] },
  ];

  function figure(f) {
    return { kind: "lines", title: f.title, x: { name: "simulated time", unit: "s", values: past.t.slice() },
             y: { name: "", unit: f.unit, zero: true }, series: f.lines.map(([name, of]) => ({ name, y: past[of].slice() })) };
  }

  function draw() {
    if (!charts || past.t.length < 2) return;
    if (drawn.length === 0)
      drawn = FIGURES.map(f => {
        const box = element("div", { class: "panel" }, element("h3", {}, f.title));
        const chart = element("div", { class: "chart" });
        box.append(chart);
        grid.append(box);
        return charts.draw(chart, figure(f));
      });
    else drawn.forEach((d, i) => d.update(figure(FIGURES[i])));
  }

  /* ---- orders ---- */

  async function give(path) {
    const headers = key ? { Authorization: "Bearer " + key } : {};
    const answer = await fetch(path, { method: "POST", headers });
    if (answer.status === 401) {
      key = window.prompt("The key of this server (--api-key):") || "";
      if (key) return give(path);
    }
    const text = await answer.text();
    let said = text;
    try { said = JSON.parse(text).error ? JSON.parse(text).error.message : text; } catch (e) { /* it is no JSON: shown as it is */ }
    notice.textContent = (answer.ok ? "Done: " : "Not done: ") + path + " " + said;
    refresh();
  }

  function button(label, path) {
    return element("button", { type: "button", onclick: () => give(path) }, label);
  }

  function field(label, name, value) {
    return element("label", {}, label + " ", element("input", { name, value: value || "", size: 18 }));
  }

  function form(label, fields, path) {
    const f = element("form", { class: "filter", onsubmit: e => {
      e.preventDefault();
      give(path + "?" + new URLSearchParams(new FormData(f)));
    } }, ...fields, element("button", {}, label));
    return f;
  }

  function showOrders(live) {
    if (!live.admin || !orders.hidden) return;
    orders.hidden = false;
    orders.append(element("h2", {}, "Orders"), element("div", { class: "panel" },
      form("Scale", [field("pool", "pool", "0"), field("replicas", "replicas")], "/scale"),
      form("Set", [field("key", "key", "engine.max_num_seqs"), field("value", "value")], "/admin/set"),
      element("div", { class: "filter" }, button("Reload policies", "/admin/reload"), button("Reset prefix cache", "/reset_prefix_cache"),
        button("Sleep", "/sleep"), button("Wake up", "/wake_up"))));
  }

  /* ---- numbers ---- */

  function card(label, value, unit) {
    return element("div", { class: "card" }, element("dt", {}, label), element("dd", {}, value, " ", element("small", {}, unit || "")));
  }

  function sum(live, of) {
    return live.replicas.reduce((n, r) => n + r[of], 0);
  }

  function rate(live, of, value) {
    const seconds = before ? live.time - before.time : 0;
    return seconds > 0 ? (value(live) - value(before)) / seconds : null;
  }

  function quantile(live, name, q) {
    return live[name] ? live[name][q] : null;
  }

  function showBadges(live) {
    const words = [["speed " + (live.speed === null ? "max" : live.speed), ""], [live.connections + " connections", ""]];
    if (live.asleep) words.push(["asleep", "warn"]);
    if (live.draining) words.push(["draining", "warn"]);
    if (live.slipped > 0) words.push([number(live.slipped) + " s behind the wall clock", "bad"]);
    if (live.dropped > 0) words.push([live.dropped + " slow readers dropped", "warn"]);
    badges.replaceChildren(...words.map(([text, state]) => element("li", { class: "badge " + state }, text)));
  }

  function showCards(live, now) {
    const up = live.replicas.filter(r => r.phase === "ready").length;
    cards.replaceChildren(
      card("simulated time", number(live.time, 1), "s"), card("requests", number(now.requests), "/s"),
      card("tokens", number(now.tokens, 0), "/s"), card("running", number(now.running, 0), "requests"),
      card("waiting", number(now.waiting, 0), "requests"), card("KV cache", number(now.kv), "%"),
      card("prefix hit rate", number(now.hits), "%"),
      ...[["ttft_ms", "TTFT"], ["tpot_ms", "TPOT"], ["itl_ms", "ITL"], ["e2e_ms", "E2E"]].map(([name, label]) =>
        card(label + " p50, p99", number(quantile(live, name, "p50")) + ", " + number(quantile(live, name, "p99")), "ms")),
      card("replicas ready", up + " of " + live.replicas.length, ""),
      card("price", live.usd_per_hour === null ? "-" : number(live.usd_per_hour, 2), "USD/h"));
  }

  function rowOf(live, r, i) {
    const last = before && before.replicas[i], seconds = before ? live.time - before.time : 0;
    const speed = last && seconds > 0 ? (r.tokens - last.tokens) / seconds : null;
    const cells = [r.id, r.pool, r.phase, r.running, r.waiting, number(100 * r.kv), number(r.queries ? 100 * r.hits / r.queries : null),
                   number(speed, 0), r.preemptions];
    const row = element("tr", {}, ...cells.map(c => element("td", {}, String(c))));
    const last_ = element("td", {});
    if (live.admin) last_.append(button("Fail", "/admin/fail?lasts=30&replica=" + r.id), " ", button("Drain", "/admin/drain?replica=" + r.id),
      " ", button("Restore", "/admin/restore?replica=" + r.id));
    row.append(last_);
    return row;
  }

  function keep(live) {
    const up = live.replicas.filter(r => r.phase !== "off");
    const found = rate(live, "hits", l => sum(l, "hits")), asked = rate(live, "queries", l => sum(l, "queries"));
    const now = { t: live.time, requests: rate(live, "arrived", l => l.arrived), tokens: rate(live, "tokens", l => sum(l, "tokens")),
      running: sum(live, "running"), waiting: sum(live, "waiting") + live.unrouted,
      kv: up.length ? 100 * up.reduce((n, r) => n + r.kv, 0) / up.length : 0, hits: asked > 0 ? 100 * found / asked : null,
      ttft50: quantile(live, "ttft_ms", "p50"), ttft99: quantile(live, "ttft_ms", "p99"), itl50: quantile(live, "itl_ms", "p50"),
      itl99: quantile(live, "itl_ms", "p99"), tpot50: quantile(live, "tpot_ms", "p50"), tpot99: quantile(live, "tpot_ms", "p99") };
    for (const name of Object.keys(past)) {
      past[name].push(now[name]);
      if (past[name].length > KEPT) past[name].shift();
    }
    return now;
  }

  async function refresh() {
    let live;
    try {
      live = await (await fetch("/live.json", { cache: "no-store" })).json();
    } catch (e) {
      badges.replaceChildren(element("li", { class: "badge bad" }, "the server does not answer"));
      return;
    }
    const now = keep(live);
    title.textContent = live.model;
    showBadges(live);
    showCards(live, now);
    showOrders(live);
    body.replaceChildren(...live.replicas.map((r, i) => rowOf(live, r, i)));
    before = live;
    draw();
  }

  refresh();
  setInterval(refresh, 1000);
}());
