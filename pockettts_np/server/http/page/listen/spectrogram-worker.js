// Draws the spectrogram beside the page's own thread: it is sent samples, and told which part of them to show.

import { FRAME, HIGHEST_HZ, levels } from "./spectrum.js";

const HOP = 256; // samples
const DRAW_MS = 50; // between two drawings while samples come; more where drawing takes long

// From black over violet and orange to pale yellow: dark to light also for the colour-blind.
const COLOURS = [[11, 7, 36], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const PALETTE = Uint32Array.from({ length: 256 }, (_, level) => {
  const at = Math.min(0.9999, level / 255) * (COLOURS.length - 1);
  const [low, high] = [COLOURS[Math.floor(at)], COLOURS[Math.floor(at) + 1]];
  const [red, green, blue] = low.map((part, i) => Math.round(part + (at % 1) * (high[i] - part)));
  return (255 << 24) | (blue << 16) | (green << 8) | red; // as bytes in memory: red, green, blue, opaque
});

let canvas = null;
let rateHz = 24000;
let nBins = 0; // of a frame, from 0 Hz to HIGHEST_HZ
let frames = new Uint8Array(0); // levels, a frame after the other, low frequencies first; grows by doubling
let nFrames = 0;
let rest = new Float32Array(0); // samples from the next frame on
let view = { from: 0, to: 1 }; // seconds
let timer = 0;
let costMs = 0; // of the last drawing

const actions = {
  show(message) {
    canvas = message.canvas;
  },
  size({ width, height }) {
    canvas.width = width;
    canvas.height = height;
  },
  begin(message) {
    rateHz = message.rateHz;
    nBins = Math.floor((HIGHEST_HZ / rateHz) * FRAME);
    frames = new Uint8Array(nBins << 10);
    nFrames = 0;
    rest = new Float32Array(0);
  },
  add({ samples }) {
    const all = new Float32Array(rest.length + samples.length);
    all.set(rest);
    for (let i = 0; i < samples.length; i += 1) all[rest.length + i] = samples[i] / 32768;
    let at = 0;
    for (; at + FRAME <= all.length; at += HOP) addFrame(levels(all.subarray(at, at + FRAME), nBins));
    rest = all.slice(at);
  },
  view(message) {
    view = message;
  },
};

self.onmessage = ({ data }) => {
  actions[data.action](data);
  if (data.action === "add") timer ||= setTimeout(draw, Math.max(DRAW_MS, 3 * costMs));
  else draw(); // now, as the axis shows it already
};

function addFrame(frame) {
  if ((nFrames + 1) * nBins > frames.length) {
    const larger = new Uint8Array(2 * frames.length);
    larger.set(frames);
    frames = larger;
  }
  frames.set(frame, nFrames * nBins);
  nFrames += 1;
}

function draw() {
  clearTimeout(timer);
  timer = 0;
  const begin = performance.now();
  if (nBins) paint();
  costMs = performance.now() - begin;
}

/** Stretch the part that is shown over the whole canvas; where many frames share a column, the loudest counts. */
function paint() {
  const context = canvas.getContext("2d");
  context.fillStyle = "#0b0724";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const framesPerSecond = rateHz / HOP;
  const first = Math.floor(view.from * framesPerSecond);
  const nShown = Math.ceil((view.to - view.from) * framesPerSecond);
  const nThere = Math.min(nFrames - first, nShown);
  const nColumns = Math.min(canvas.width, nShown);
  const nPainted = Math.floor((nColumns * nThere) / nShown);
  if (nPainted <= 0) return;
  const image = new ImageData(nPainted, nBins);
  const pixels = new Uint32Array(image.data.buffer);
  for (let x = 0; x < nPainted; x += 1) {
    const begin = first + Math.floor((x * nShown) / nColumns);
    const end = Math.max(begin + 1, first + Math.floor(((x + 1) * nShown) / nColumns));
    for (let bin = 0; bin < nBins; bin += 1) {
      let level = 0;
      for (let frame = begin; frame < end; frame += 1) level = Math.max(level, frames[frame * nBins + bin]);
      pixels[(nBins - 1 - bin) * nPainted + x] = PALETTE[level];
    }
  }
  const painted = new OffscreenCanvas(nPainted, nBins);
  painted.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(painted, 0, 0, (canvas.width * nPainted) / nColumns, canvas.height);
}
