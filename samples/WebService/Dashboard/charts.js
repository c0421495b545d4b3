"use strict";

// Line charts on a canvas: one axis from zero, the time in seconds before now, a line for each series.

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Gives a context in CSS pixels, whatever the screen's resolution.
function prepareCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }

  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// A round number at or above a value, of which a quarter is round too.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 8, 10].map(step => step * power).find(step => step >= value);
}

// points: [{ at, <series key>: number }], oldest first; at in milliseconds.
function drawLines(canvas, points, series, spanMs) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const context = prepareCanvas(canvas, width, height);
  const left = 52, right = 12, top = 8, bottom = 22;
  const peak = Math.max(...points.flatMap(point => series.map(line => point[line.key])), 0);
  const limit = roundUp(peak || 1);
  const now = points.length > 0 ? points[points.length - 1].at : 0;
  const x = at => left + (width - left - right) * (1 - (now - at) / spanMs);
  const y = value => top + (height - top - bottom) * (1 - value / limit);

  context.font = "12px system-ui, sans-serif";
  context.fillStyle = css("--quiet");
  context.strokeStyle = css("--grid");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let step = 0; step <= 4; step++) {
    const value = limit * step / 4;
    const line = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(left, line);
    context.lineTo(width - right, line);
    context.stroke();
    context.fillText(value.toLocaleString("en", { maximumFractionDigits: 2 }), left - 8, y(value));
  }

  context.textBaseline = "alphabetic";
  for (let seconds = 0; seconds <= spanMs / 1000; seconds += spanMs > 60_000 ? 30 : 10) {
    context.textAlign = seconds === 0 ? "right" : "center";
    context.fillText(seconds === 0 ? "now" : `−${seconds} s`, x(now - seconds * 1000), height - 5);
  }

  context.save();
  context.beginPath();
  context.rect(left, 0, width - left - right + 4, height);
  context.clip();
  context.lineJoin = "round";
  for (const line of series) {
    context.strokeStyle = css(line.color);
    context.lineWidth = 2;
    context.beginPath();
    points.forEach((point, index) => context[index === 0 ? "moveTo" : "lineTo"](x(point.at), y(point[line.key])));
    context.stroke();
    const last = points[points.length - 1];
    if (last) {
      context.fillStyle = css(line.color);
      context.beginPath();
      context.arc(x(last.at), y(last[line.key]), 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  context.restore();
}

// entries: [{ color, text, isLine }]
function fillLegend(element, entries) {
  element.replaceChildren(...entries.map(entry => {
    const key = document.createElement("span");
    const swatch = document.createElement("span");
    key.className = "key";
    swatch.className = entry.isLine ? "swatch line" : "swatch";
    swatch.style.setProperty("background", `var(${entry.color})`);
    key.append(swatch, entry.text);
    return key;
  }));
}
