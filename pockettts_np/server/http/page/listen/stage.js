// What was spoken last, or is chosen from the past: its player, its words, its spectrogram and its figures.

import { recall, remember } from "../data/kept.js";
import { Player } from "./player.js";
import { Spectrogram, clock } from "./spectrogram.js";
import { Words } from "./words.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const STILL_MS = 250;
const byId = (id) => document.getElementById(id);

export class Stage {
  player = new Player();
  #spectrogram = new Spectrogram((seconds) => this.#goTo(seconds), () => this.draw());
  #words = new Words(byId("words"), byId("words-hint"), (seconds) => this.#playFrom(seconds), () => this.#toggle());
  #isWatching = false;
  #onChange;

  /** `onChange` is called when the player has begun, paused or come to the end. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.player.onChange = () => this.#changed();
    byId("play").addEventListener("click", () => this.#toggle());
    byId("seek").addEventListener("input", () => this.#goTo(byId("seek").valueAsNumber));
    byId("seek").addEventListener("keydown", (event) => this.#step(event));
    byId("volume").value = recall("volume") ?? 100;
    byId("volume").addEventListener("input", () => this.#setVolume());
    this.#setVolume();
  }

  /** The speech that is shown, or null. */
  get speech() {
    return this.player.speech;
  }

  /** Show a speech, from its beginning. */
  show(speech) {
    this.player.load(speech);
    byId("result").hidden = false;
    this.draw();
  }

  /** Show what changes while it sounds or more is coming: as often as the screen does, or more calmly. */
  watch() {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const step = () => {
      this.#isWatching = this.player.isPlaying || this.speech.isComing;
      this.draw();
      if (!this.#isWatching) return;
      if (STILL.matches) setTimeout(step, STILL_MS);
      else requestAnimationFrame(step);
    };
    step();
  }

  draw() {
    const { speech } = this;
    if (!speech) return;
    const { seconds } = this.player;
    byId("seek").max = speech.seconds;
    byId("seek").value = seconds;
    byId("seek").setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(speech.seconds)}`);
    byId("clock").textContent = `${clock(seconds)} / ${clock(speech.seconds)}`;
    byId("first").textContent = speech.firstMs === undefined ? "–" : `${Math.round(speech.firstMs)} ms`;
    byId("length").textContent = `${speech.seconds.toFixed(1)} s`;
    byId("pace").textContent = speech.pace === undefined ? "–" : `${speech.pace.toFixed(1)} ×`;
    if (!speech.nSamples) return;
    this.#words.update(speech, seconds);
    this.#spectrogram.update(speech, seconds);
  }

  #goTo(seconds) {
    this.player.seek(seconds);
    this.draw();
  }

  #playFrom(seconds) {
    this.player.seek(seconds);
    this.player.play();
    this.draw();
  }

  #toggle() {
    if (this.player.isPlaying) this.player.pause();
    else this.player.play();
  }

  /** By keys, a second at a time; a page of the keyboard is ten. */
  #step(event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#goTo(this.player.seconds + step);
  }

  #setVolume() {
    const percent = byId("volume").valueAsNumber;
    byId("volume").setAttribute("aria-valuetext", `${percent} %`);
    remember("volume", percent);
    this.player.volume = (percent / 100) ** 2; // which ears take for even steps
  }

  #changed() {
    const { isPlaying } = this.player;
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    byId("play").classList.toggle("playing", isPlaying);
    if (isPlaying) this.watch();
    this.draw();
    this.#onChange();
  }
}
