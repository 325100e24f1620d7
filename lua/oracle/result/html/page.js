/* page.js - a report: the document in the page's JSON (lua/oracle/result/html/init.lua says what it holds) as elements.
   Text is only ever put in as text. */
(function () {
  "use strict";
  const { draw, number, zoomable, theme } = window.oracleCharts;

  function make(tag, attributes, ...inner) {
    const e = document.createElement(tag);
    for (const [key, v] of Object.entries(attributes || {})) {
      if (key === "class") e.className = v;
      else if (key.startsWith("on")) e.addEventListener(key.slice(2), v);
      else if (v === true) e.setAttribute(key, "");
      else if (v !== undefined && v !== null && v !== false) e.setAttribute(key, v);
    }
    e.append(...inner.filter(x => x !== null && x !== undefined));
    return e;
  }

  function cell(v, column) {
    if (v === null || v === undefined) return "-";
    if (typeof v === "number") return column && column.digits !== undefined ? v.toFixed(column.digits) : number(v);
    return typeof v === "boolean" ? (v ? "yes" : "no") : String(v);
  }

  function heading(column) {
    return column.name + (column.unit ? " (" + column.unit + ")" : "");
  }

  function isNumber(column, rows, c) {
    return column.number || rows.some(r => typeof r[c] === "number");
  }

  /* ---- tables ---- */

  const PAGE = 25;                                         // rows of a long table at a time

  function compare(a, b) {
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function tableOf(part) {
    const rows = part.rows, long = rows.length > PAGE, sortable = part.sortable || long;
    const numeric = part.columns.map((c, i) => isNumber(c, rows, i));
    let order = rows.map((_, i) => i), by = -1, falling = false, page = 0, text = "", kind = "";
    const body = make("tbody"), count = make("span", { class: "count", "aria-live": "polite" });
    const back = make("button", { type: "button", onclick: () => { page--; fill(); } }, "Previous");
    const on = make("button", { type: "button", onclick: () => { page++; fill(); } }, "Next");
    const heads = part.columns.map((c, i) => {
      const inner = sortable && heading(c) ? make("button", { type: "button", onclick: () => sort(i) }, heading(c)) : heading(c);
      return make("th", { scope: "col", class: numeric[i] ? "number" : "" }, inner);
    });

    function sort(i) {
      falling = by === i ? !falling : numeric[i];
      by = i;
      order.sort((a, b) => (falling ? -1 : 1) * compare(rows[a][i], rows[b][i]) || a - b);
      if (falling) order = [...order.filter(r => rows[r][i] !== null), ...order.filter(r => rows[r][i] === null)];
      heads.forEach((h, c) => h.setAttribute("aria-sort", c === i ? (falling ? "descending" : "ascending") : "none"));
      page = 0;
      fill();
    }

    function fill() {
      const found = order.filter(r => (!text || rows[r].some(v => v !== null && String(v).toLowerCase().includes(text)))
        && (!kind || rows[r][part.choose] === kind));
      const pages = Math.max(1, Math.ceil(found.length / PAGE));
      page = Math.max(0, Math.min(page, pages - 1));
      const shown = long ? found.slice(page * PAGE, (page + 1) * PAGE) : found;
      body.replaceChildren(...shown.map(r => make("tr", {}, ...rows[r].map((v, i) =>
        make(i === 0 && part.named ? "th" : "td", { class: numeric[i] ? "number" : "", scope: i === 0 && part.named ? "row" : null }, cell(v, part.columns[i]))))));
      if (!long) return;
      count.textContent = found.length === 0 ? "no rows" : `${page * PAGE + 1} to ${page * PAGE + shown.length} of ${found.length.toLocaleString("en-US")}`;
      back.disabled = page === 0;
      on.disabled = page >= pages - 1;
    }

    fill();
    const table = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": part.title || "table" },
      make("table", {}, make("caption", { class: "unseen" }, part.title || ""), make("thead", {}, make("tr", {}, ...heads)), body));
    if (!long) return [table];
    const search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search " + (part.title || "rows"), oninput: e => { text = e.target.value.toLowerCase(); page = 0; fill(); } });
    const filter = make("div", { class: "filter" }, search);
    if (part.choose !== undefined) {
      const kinds = [...new Set(rows.map(r => r[part.choose]))].sort();
      filter.append(make("select", { "aria-label": part.columns[part.choose].name, onchange: e => { kind = e.target.value; page = 0; fill(); } },
        make("option", { value: "" }, "any " + part.columns[part.choose].name), ...kinds.map(k => make("option", { value: k }, k))));
    }
    filter.append(count, back, on);
    return [filter, table];
  }

  /* ---- charts ---- */

  const MOST = 400;                                        // rows of a chart's table

  /* The values of a chart, for whoever reads tables rather than lines; made when it is opened. */
  function valuesOf(figure) {
    const rows = [];
    if (figure.kind === "spans") {
      figure.rows.forEach((name, r) => rows.push([name, ...figure.series.flatMap(s => [s.from[r], s.to[r]])]));
      return { columns: [{ name: figure.y.name }, ...figure.series.flatMap(s => [{ name: s.name + " from", unit: "s" }, { name: s.name + " to", unit: "s" }])], rows };
    }
    if (figure.kind === "points") {
      figure.series.forEach(s => s.y.forEach((y, i) => rows.push([s.name, (s.names && s.names[i]) || "", (s.x || figure.x.values)[i], y])));
      return { columns: [{ name: "series" }, { name: "point" }, figure.x, figure.y], rows };
    }
    if (figure.x.values || figure.x.labels) {
      const at = figure.x.labels || figure.x.values;
      const thin = Math.ceil(at.length / MOST);
      at.forEach((x, i) => { if (i % thin === 0) rows.push([x, ...figure.series.map(s => s.y[i])]); });
      return { columns: [{ name: figure.x.name || "", unit: figure.x.unit }, ...figure.series.map(s => ({ name: s.name, unit: figure.y.unit }))], rows };
    }
    figure.series.forEach(s => {
      const thin = Math.ceil(s.y.length / MOST);
      s.y.forEach((y, i) => { if (i % thin === 0) rows.push([s.name, s.x[i], y]); });
    });
    return { columns: [{ name: "series" }, { name: figure.x.name || "", unit: figure.x.unit }, { name: figure.y.name || "", unit: figure.y.unit }], rows };
  }

  function chartOf(part) {
    const figure = part.figure, box = make("div", { class: "chart" + (part.tall ? " tall" : "") });
    const details = make("details", { class: "data", ontoggle: () => {
      if (details.open && details.children.length === 1) details.append(...tableOf({ title: figure.title + ", values", ...valuesOf(figure) }));
    } }, make("summary", {}, "Show the values"));
    const panel = make("section", { class: "panel" + (part.wide ? " wide" : ""), "aria-label": figure.title });
    const head = make("header", {}, make("h3", {}, figure.title));
    panel.append(head);
    if (figure.about) panel.append(make("p", { class: "about" }, figure.about));
    panel.append(box, details);
    const later = () => {
      const drawn = draw(box, figure);
      if (!zoomable(figure)) return;
      const button = (text, label, act) => make("button", { type: "button", title: label, "aria-label": label + ": " + figure.title, onclick: act }, text);
      head.append(make("div", { class: "tools", role: "group", "aria-label": "Zoom" },
        button("−", "Zoom out", () => drawn.zoomBy(2)), button("+", "Zoom in", () => drawn.zoomBy(0.5)),
        button("◀", "Earlier", () => drawn.zoomBy(1, -0.25)), button("▶", "Later", () => drawn.zoomBy(1, 0.25)),
        button("All", "Show all", () => drawn.zoom(-Infinity, Infinity))));
    };
    return { panel, later };
  }

  /* ---- the parts of a section ---- */

  function cardsOf(part) {
    return make("dl", { class: "cards wide" }, ...part.items.map(i => make("div", { class: "card " + (i.state || "") },
      make("dt", {}, i.label), make("dd", { class: typeof i.value === "string" ? "words" : "" }, cell(i.value), i.unit ? make("small", {}, " " + i.unit) : null),
      i.note ? make("dd", { class: "note" }, i.note) : null)));
  }

  function panelOf(part, ...inner) {
    return make("section", { class: "panel" + (part.wide ? " wide" : ""), "aria-label": part.title || null },
      part.title ? make("header", {}, make("h3", {}, part.title)) : null, part.about ? make("p", { class: "about" }, part.about) : null, ...inner);
  }

  function partOf(part, drawings) {
    if (part.kind === "cards") return cardsOf(part);
    if (part.kind === "table") return panelOf(part, ...tableOf(part));
    if (part.kind === "code") return panelOf(part, make("pre", { tabindex: 0 }, part.text));
    if (part.kind === "text") return panelOf(part, make("p", {}, part.text));
    const { panel, later } = chartOf(part);
    drawings.push(later);
    return panel;
  }

  /* ---- the whole ---- */

  function themeButton() {
    const modes = ["auto", "light", "dark"];
    let at = 0;
    const button = make("button", { type: "button", onclick: () => {
      at = (at + 1) % 3;
      name();
      theme(modes[at]);
    } });
    function name() {
      button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[modes[at]];
      button.setAttribute("aria-label", "Colours: " + modes[at]);
    }
    name();
    return button;
  }

  function show(page) {
    const drawings = [], main = make("main", { id: "main", tabindex: -1 });
    main.append(make("h1", {}, page.title));
    if (page.subtitle) main.append(make("p", { class: "quiet" }, page.subtitle));
    if (page.badges && page.badges.length) main.append(make("ul", { class: "badges" }, ...page.badges.map(b => make("li", { class: "badge " + (b.state || "") }, b.text))));
    (page.notices || []).forEach(n => main.append(make("div", { class: "notice " + (n.state || ""), role: "note" },
      n.list ? make("ul", {}, ...n.list.map(t => make("li", {}, t))) : make("p", {}, n.text))));
    page.sections.forEach(s => main.append(make("h2", { id: s.id }, s.title), ...(s.about ? [make("p", { class: "quiet" }, s.about)] : []),
      make("div", { class: "grid" }, ...s.parts.map(p => partOf(p, drawings)))));
    const bar = make("header", { class: "bar" }, make("strong", {}, "oracle"),
      make("nav", { "aria-label": "Sections" }, ...page.sections.map(s => make("a", { href: "#" + s.id }, s.title))), themeButton());
    document.getElementById("page").replaceWith(make("a", { class: "skip", href: "#main" }, "To the results"), bar, main, make("footer", {}, page.footer));
    drawings.forEach(d => d());
    document.documentElement.dataset.ready = Math.round(performance.now());
  }

  show(JSON.parse(document.getElementById("document").textContent));
})();
