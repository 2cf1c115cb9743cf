// Draws every chart from the JSON beside it, one after the other so that the page stays responsive.
// Colours of text, axes and lines come from the style sheet.
(function () {
  "use strict";
  const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const options = {
    mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false,
    tooltip: { theme: isDark ? "dark" : "light" },
    config: {
      font: getComputedStyle(document.body).fontFamily,
      view: { stroke: null },
      axis: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 500, tickSize: 4, labelPadding: 5 },
      axisY: { domain: false, ticks: false },
      legend: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 500 },
    },
  };
  const waiting = Array.from(document.querySelectorAll(".plot[data-spec]"));

  function next() {
    const plot = waiting.shift();
    if (!plot) {
      document.documentElement.dataset.charts = "done";
      return;
    }
    const spec = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
    window.vegaEmbed(plot, spec, options).then(
      function () { plot.dataset.drawn = "yes"; },
      function (error) {
        plot.textContent = "This chart could not be drawn: " + error.message;
        console.error(plot.dataset.spec, error);
      }
    ).then(function () { setTimeout(next, 0); });
  }
  next();
})();
