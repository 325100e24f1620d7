/* charts.js - figures drawn with Chart.js, for reports and the live page. A figure is what lua/oracle/text/figure.lua makes:
   { kind: "lines" | "points" | "bars" | "spans", title, about, x: { name, unit, log, values, labels, time }, y: { ... },
     series: [{ name, x, y, low, high, shape, colour }], marks: [{ x, text }] }.
   oracleCharts.draw(box, figure) puts one into an element and returns { update(figure), zoom(from, to) }. */
(function () {
  "use strict";

  const charts = [];                                       // all that are drawn, to be restyled together
  const linked = {};                                       // figure.link -> charts that share their x axis

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  function hue(series, i) {
    return colour(series.colour || "series-" + (i % 8 + 1));
  }

  function faint(hex, share) {
    return hex + Math.round(share * 255).toString(16).padStart(2, "0");
  }

  /* ---- numbers ---- */

  function number(v) {
    if (v === null || v === undefined || !isFinite(v)) return "-";
    const size = Math.abs(v);
    if (size >= 1e9 || size > 0 && size < 1e-4) return v.toExponential(2);
    if (size >= 1000) return Math.round(v).toLocaleString("en-US");
    return String(Number(v.toPrecision(4)));
  }

  function clock(s, span) {
    if (span < 180) return number(s) + " s";
    const sign = s < 0 ? "-" : "", whole = Math.round(Math.abs(s)), two = n => String(n).padStart(2, "0");
    if (span < 7200) return sign + Math.floor(whole / 60) + ":" + two(whole % 60);
    return sign + Math.floor(whole / 3600) + ":" + two(Math.floor(whole % 3600 / 60)) + " h";
  }

  function withUnit(v, axis) {
    return number(v) + (axis.unit ? " " + axis.unit : "");
  }

  function axisTitle(axis) {
    return axis.name ? axis.name + (axis.unit ? " (" + axis.unit + ")" : "") : axis.unit || "";
  }

  /* ---- a figure as Chart.js takes it ---- */

  function pointsOf(figure, series) {
    const x = series.x || figure.x.values, list = [];
    for (let i = 0; i < series.y.length; i++)
      if (series.y[i] !== null && x[i] !== null) list.push({ x: x[i], y: series.y[i], name: series.names && series.names[i] });
    return list;
  }

  function bandOf(figure, series, side) {
    const x = series.x || figure.x.values;
    return series[side].map((v, i) => ({ x: x[i], y: v }));
  }

  function lines(figure) {
    const sets = [], many = figure.series.reduce((n, s) => n + s.y.length, 0) > 400;
    figure.series.forEach((s, i) => {
      const c = hue(s, i), of = s.shape || (figure.kind === "points" ? "points" : "line");
      if (s.low) {
        const edge = { borderWidth: 0, pointRadius: 0, pointHitRadius: 0, silent: true, showLine: true };
        sets.push({ label: s.name, data: bandOf(figure, s, "low"), ...edge });
        sets.push({ label: s.name, data: bandOf(figure, s, "high"), backgroundColor: faint(c, 0.16), fill: "-1", ...edge });
      }
      sets.push({
        label: s.name, data: pointsOf(figure, s), borderColor: c, showLine: of !== "points",
        backgroundColor: of === "points" ? faint(c, 0.55) : faint(c, 0.14), fill: of === "area" ? "origin" : false,
        stepped: of === "step" ? "before" : false, borderDash: of === "dashed" ? [5, 4] : [], borderWidth: of === "points" ? 1 : 1.8,
        pointRadius: of === "points" ? (many ? 2.2 : 4) : of === "marked" ? 3 : 0, pointHitRadius: 6,
        pointBackgroundColor: of === "marked" ? c : undefined, pointStyle: s.mark || "circle", order: s.behind ? 1 : 0,
      });
    });
    return { datasets: sets };
  }

  function bars(figure) {
    return { labels: figure.x.labels, datasets: figure.series.map((s, i) => ({
      label: s.name, data: s.y, borderColor: hue(s, i),
      backgroundColor: s.colours ? s.colours.map(c => faint(colour(c), 0.85)) : faint(hue(s, i), 0.8), borderWidth: 0, borderRadius: 3,
      stack: figure.stacked ? "one" : undefined, maxBarThickness: figure.tight ? undefined : 42,
      categoryPercentage: figure.tight ? 1 : 0.8, barPercentage: figure.tight ? 0.97 : 0.85 })) };
  }

  /* Spans: rows of a Gantt chart. series: phases by name with from[], to[] by row; rows that the window does not show are left out. */
  function spans(figure, from, to) {
    const shown = [];
    figure.rows.forEach((name, r) => {
      const first = Math.min(...figure.series.map(s => s.from[r] === null ? Infinity : s.from[r]));
      const last = Math.max(...figure.series.map(s => s.to[r] === null ? -Infinity : s.to[r]));
      if (last >= from && first <= to) shown.push(r);
    });
    return { labels: shown.map(r => figure.rows[r]), datasets: figure.series.map((s, i) => ({
      label: s.name, grouped: false, backgroundColor: hue(s, i), borderWidth: 0, minBarLength: 1,
      categoryPercentage: 1, barPercentage: shown.length > 120 ? 1 : 0.8, skipNull: true,
      data: shown.map(r => s.from[r] === null ? null : [s.from[r], s.to[r]]) })) };
  }

  /* Ticks of a long time axis at times that a clock shows. */
  function wholeMinutes(axis) {
    const span = axis.max - axis.min, most = Math.max(2, Math.min(9, axis.width / 80));
    if (span < 180) return;
    const step = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].find(s => span / s <= most)
      || 86400 * Math.ceil(span / 86400 / most);
    axis.ticks = [];
    for (let v = Math.ceil(axis.min / step) * step; v <= axis.max; v += step) axis.ticks.push({ value: v });
  }

  function scale(axis, side, figure, styles) {
    const log = axis.log, one = {
      type: log ? "logarithmic" : "linear", title: { display: !!axisTitle(axis), text: axisTitle(axis), color: styles.muted, font: { size: 11 } },
      min: axis.min, max: axis.max, beginAtZero: axis.zero, grid: { color: styles.grid, borderColor: styles.line, tickLength: 4 },
      ticks: { color: styles.muted, maxRotation: 0, autoSkipPadding: 14, font: { size: 11 },
        callback: log ? v => (axis.fine ? /^[125]e/ : side === "y" ? /^[15]e/ : /^1e/).test(Number(v).toExponential()) ? number(v) : null : v => number(v) },
    };
    if (axis.time) {
      one.ticks.callback = function (v) { return clock(v, this.max - this.min); };
      one.afterBuildTicks = wholeMinutes;
    }
    if (axis.percent) one.ticks.callback = v => number(v) + " %";
    if (axis.labels) {
      one.type = "category";
      one.ticks = { color: styles.muted, font: { size: 11 }, maxRotation: axis.tight ? 0 : 40, autoSkip: true, autoSkipPadding: 10,
        callback(v) { return axis.tight ? axis.labels[v].split(" to ")[0] : axis.labels[v]; } };
      one.grid.display = false;
    }
    return one;
  }

  function styles() {
    return { text: colour("text"), muted: colour("muted"), grid: colour("grid"), line: colour("line"), surface: colour("surface") };
  }

  /* Vertical lines with a word each: failures, the end of the warm-up, objectives. */
  const marks = {
    id: "marks",
    afterDatasetsDraw(chart, args, options) {
      const x = chart.scales.x, area = chart.chartArea, ctx = chart.ctx;
      let edge = -Infinity;
      (options.list || []).forEach(m => {
        const at = x.getPixelForValue(m.x);
        if (!(at >= area.left && at <= area.right)) return;
        ctx.save();
        ctx.strokeStyle = colour(m.bad ? "bad" : "muted");
        ctx.setLineDash([4, 3]);
        ctx.beginPath();
        ctx.moveTo(at, area.top);
        ctx.lineTo(at, area.bottom);
        ctx.stroke();
        ctx.fillStyle = colour(m.bad ? "bad" : "muted");
        ctx.font = "11px system-ui, sans-serif";
        const width = ctx.measureText(m.text).width, left = at + 4 + width > area.right ? at - 4 - width : at + 4;
        if (left > edge) {
          ctx.fillText(m.text, left, area.top + 11);
          edge = left + width + 6;
        }
        ctx.restore();
      });
    },
  };

  /* The part of the x axis that is being dragged over. */
  const selection = {
    id: "selection",
    afterDraw(chart) {
      const d = chart.dragged, area = chart.chartArea;
      if (!d) return;
      chart.ctx.save();
      chart.ctx.fillStyle = faint(colour("accent"), 0.18);
      chart.ctx.fillRect(Math.min(d.from, d.to), area.top, Math.abs(d.to - d.from), area.bottom - area.top);
      chart.ctx.restore();
    },
  };

  function said(figure, item) {
    const label = item.dataset.label ? item.dataset.label + ": " : "";
    if (figure.kind === "spans") {
      const [from, to] = item.raw;
      if (!figure.x.time) return label + number(from) + " to " + number(to) + (figure.x.unit ? " " + figure.x.unit : "");
      return label + number((to - from) * 1e3) + " ms (" + number(from) + " to " + number(to) + " s)";
    }
    const y = item.parsed.y, text = withUnit(y, figure.y);
    if (figure.kind === "points")
      return (item.raw.name || item.dataset.label) + ": " + withUnit(item.parsed.x, figure.x) + ", " + text;
    return label + text;
  }

  function configOf(figure) {
    const st = styles(), sideways = figure.kind === "spans", isBars = figure.kind === "bars";
    const nearest = figure.kind === "points" || sideways;
    const scales = { x: scale(figure.x, "x", figure, st), y: scale(figure.y, "y", figure, st) };
    if (sideways) {
      scales.y = { type: "category", grid: { display: false, borderColor: st.line }, ticks: { color: st.muted, font: { size: 10 }, autoSkipPadding: 6 },
        title: { display: true, text: figure.y.name, color: st.muted, font: { size: 11 } } };
    }
    if (figure.stacked) scales.x.stacked = scales.y.stacked = true;
    return {
      type: sideways || isBars ? "bar" : "line",
      data: sideways ? spans(figure, figure.x.min, figure.x.max) : isBars ? bars(figure) : lines(figure),
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, indexAxis: sideways || figure.sideways ? "y" : "x", parsing: !isBars && !sideways ? { xAxisKey: "x", yAxisKey: "y" } : true,
        interaction: { mode: nearest ? "nearest" : isBars ? "index" : "x-nearest", intersect: sideways, axis: sideways ? "xy" : nearest ? "xy" : "x" },
        scales,
        plugins: {
          legend: { display: figure.series.length > 1 || figure.legend === true, position: "bottom", labels: { color: st.text, boxWidth: 12, boxHeight: 12, padding: 12, font: { size: 11.5 },
            filter: (item, data) => !data.datasets[item.datasetIndex].silent } },
          tooltip: { backgroundColor: st.surface, titleColor: st.text, bodyColor: st.text, borderColor: st.line, borderWidth: 1, padding: 9, boxPadding: 4,
            filter: item => !item.dataset.silent,
            callbacks: {
              title: items => !items.length || figure.kind === "points" ? "" : sideways ? items[0].label
                : figure.x.labels ? items[0].label : (figure.x.time ? "t = " : "") + withUnit(items[0].parsed.x, figure.x),
              label: item => said(figure, item) } },
          marks: { list: figure.marks || [] },
        },
      },
      plugins: [marks, selection],
    };
  }

  /* Of each series the point nearest in x, so that lines whose points are elsewhere are compared at one place. */
  function xNearest(chart, event, options, useFinal) {
    const at = Chart.helpers ? Chart.helpers.getRelativePosition(event, chart).x : event.x, found = [];
    chart.getSortedVisibleDatasetMetas().forEach(meta => {
      if (chart.data.datasets[meta.index].silent || !meta.data.length) return;
      let low = 0, high = meta.data.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (meta.data[middle].x < at) low = middle; else high = middle;
      }
      const index = Math.abs(meta.data[low].x - at) <= Math.abs(meta.data[high].x - at) ? low : high;
      found.push({ element: meta.data[index], datasetIndex: meta.index, index });
    });
    return found;
  }
  if (window.Chart) Chart.Interaction.modes["x-nearest"] = xNearest;  // a page may have only the style

  /* ---- zooming ---- */

  function extent(figure) {
    let low = figure.x.min === undefined ? Infinity : figure.x.min, high = figure.x.max === undefined ? -Infinity : figure.x.max;
    if (figure.x.min === undefined || figure.x.max === undefined)
      figure.series.forEach(s => (s.x || figure.x.values).forEach(v => { if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); } }));
    return [low, high];
  }

  function show(one, from, to) {
    one.chart.options.scales.x.min = from;
    one.chart.options.scales.x.max = to;
    if (one.figure.kind === "spans") one.chart.data = spans(one.figure, from === undefined ? -Infinity : from, to === undefined ? Infinity : to);
    one.chart.update("none");
    one.box.dispatchEvent(new CustomEvent("zoomed", { detail: { from, to } }));
  }

  function zoom(one, from, to) {
    const whole = extent(one.figure), span = whole[1] - whole[0];
    if (to - from >= span * 0.999 || !(to > from)) from = to = undefined;
    else {
      const width = Math.min(to - from, span);
      from = Math.max(whole[0], Math.min(from, whole[1] - width));
      to = from + width;
    }
    if (from === undefined && one.figure.kind === "spans") [from, to] = whole;
    (one.figure.link ? linked[one.figure.link] : [one]).forEach(other => {
      const clear = from === undefined || from === whole[0] && to === whole[1];
      if (other !== one && clear) show(other, other.figure.x.min, other.figure.x.max);
      else show(other, from, to);
    });
  }

  /* Around its middle, or around a value: factor < 1 looks closer. shift: of the width that is shown. */
  function zoomBy(one, factor, shift, around) {
    const x = one.chart.scales.x, middle = around === undefined ? (x.min + x.max) / 2 : around;
    if (x.type === "logarithmic") return;
    const width = (x.max - x.min) * factor, left = middle - (middle - x.min) * factor + (shift || 0) * (x.max - x.min);
    zoom(one, left, left + width);
  }

  function zoomable(figure) {
    return figure.zoom && !figure.x.labels && !figure.x.log;
  }

  function dragToZoom(one, canvas) {
    let from = null;
    canvas.addEventListener("pointerdown", e => {
      const area = one.chart.chartArea;
      if (e.pointerType === "touch" || e.button !== 0 || e.offsetX < area.left || e.offsetX > area.right || e.offsetY > area.bottom || e.offsetY < area.top) return;
      from = e.offsetX;
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", e => {
      if (from === null) return;
      const area = one.chart.chartArea;
      one.chart.dragged = { from, to: Math.max(area.left, Math.min(area.right, e.offsetX)) };
      one.chart.draw();
    });
    canvas.addEventListener("pointerup", () => {
      const d = one.chart.dragged;
      from = null;
      one.chart.dragged = null;
      if (!d || Math.abs(d.to - d.from) < 5) return;
      const x = one.chart.scales.x, a = x.getValueForPixel(Math.min(d.from, d.to)), b = x.getValueForPixel(Math.max(d.from, d.to));
      zoom(one, a, b);
    });
    canvas.addEventListener("dblclick", () => zoom(one, -Infinity, Infinity));
  }

  /* ---- by keyboard, and aloud ---- */

  function announcer() {
    let live = document.getElementById("chart-values");
    if (!live) {
      live = document.createElement("div");
      live.id = "chart-values";
      live.className = "unseen";
      live.setAttribute("aria-live", "polite");
      document.body.append(live);
    }
    return live;
  }

  /* The arrows go from point to point; with Shift they move what a zoomed chart shows. */
  function keys(one, canvas) {
    let index = -1;
    canvas.addEventListener("keydown", e => {
      const chart = one.chart, step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[e.key];
      const far = { Home: 0, End: Infinity }[e.key];
      if (zoomable(one.figure)) {
        if (e.key === "+" || e.key === "=") { zoomBy(one, 0.5); return e.preventDefault(); }
        if (e.key === "-") { zoomBy(one, 2); return e.preventDefault(); }
        if (e.key === "0" || e.key === "Escape") { zoom(one, -Infinity, Infinity); return e.preventDefault(); }
        if (e.shiftKey && step) { zoomBy(one, 1, 0.25 * step); return e.preventDefault(); }
      }
      if (step === undefined && far === undefined) return;
      e.preventDefault();
      const sets = chart.data.datasets.map((s, i) => i).filter(i => !chart.data.datasets[i].silent && chart.isDatasetVisible(i));
      if (!sets.length) return;
      const longest = Math.max(...sets.map(i => chart.data.datasets[i].data.length));
      index = far !== undefined ? Math.min(far, longest - 1) : Math.max(0, Math.min(longest - 1, index + step * (longest > 200 && !e.ctrlKey ? 5 : 1)));
      const active = sets.filter(i => index < chart.data.datasets[i].data.length && chart.data.datasets[i].data[index] !== null).map(i => ({ datasetIndex: i, index }));
      if (!active.length) return;
      const at = chart.getDatasetMeta(active[0].datasetIndex).data[index];
      chart.setActiveElements(active);
      chart.tooltip.setActiveElements(active, { x: at.x, y: at.y });
      chart.update("none");
      announcer().textContent = [].concat(chart.tooltip.title, (chart.tooltip.body || []).flatMap(b => b.lines)).join(", ");
    });
  }

  /* ---- drawing ---- */

  function draw(box, figure) {
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", figure.title + ". " + (figure.about || "") + " Arrow keys read the values"
      + (zoomable(figure) ? ", plus and minus zoom." : "."));
    box.append(canvas);
    const one = { box, figure, chart: new Chart(canvas, configOf(figure)) };
    charts.push(one);
    if (figure.link) (linked[figure.link] = linked[figure.link] || []).push(one);
    keys(one, canvas);
    if (zoomable(figure)) dragToZoom(one, canvas);
    if (figure.view && figure.kind === "spans") show(one, figure.view[0], figure.view[1]);
    one.update = next => {
      one.figure = next;
      const c = configOf(next);
      one.chart.data = c.data;
      one.chart.options = c.options;
      one.chart.update("none");
    };
    one.zoom = (from, to) => zoom(one, from, to);
    one.zoomBy = (factor, shift) => zoomBy(one, factor, shift);
    return one;
  }

  function restyle() {
    charts.forEach(one => {
      const x = one.chart.options.scales.x, min = x.min, max = x.max;
      one.chart.options = configOf(one.figure).options;
      one.chart.data = configOf(one.figure).data;
      show(one, min, max);
    });
  }

  /* ---- light and dark ---- */

  const dark = matchMedia("(prefers-color-scheme: dark)");
  let mode = "auto";

  /* "light", "dark", or "auto": as the system is. */
  function theme(wanted) {
    mode = wanted;
    document.documentElement.dataset.theme = mode === "auto" ? (dark.matches ? "dark" : "light") : mode;
    restyle();
  }
  dark.addEventListener("change", () => theme(mode));
  theme(mode);

  window.oracleCharts = { draw, theme, number, zoomable };
})();
