// How the text is to be spoken. All of it is remembered.

import { recall, remember } from "../data/kept.js";

const NUMBERS = ["speed", "sentence-pause", "paragraph-pause"];
const FORMATS = { wav: "WAV", mp3: "MP3", opus: "Opus", aac: "AAC", flac: "FLAC" };
const byId = (id) => document.getElementById(id);

export class Settings {
  #serverNormalizes = true;

  /** `onChange` is called when the user has changed something. */
  constructor(onChange) {
    for (const id of NUMBERS) byId(id).value = recall(id) ?? byId(id).defaultValue;
    byId("settings").addEventListener("input", () => {
      remember("format", byId("format").value);
      for (const id of NUMBERS) remember(id, byId(id).value);
      this.#tell();
      onChange();
    });
    byId("settings").addEventListener("change", ({ target }) => {
      if (target.validity.valid) return;
      target.value = target.defaultValue; // else the form is not sent
      target.dispatchEvent(new Event("input", { bubbles: true }));
    });
    byId("normalize").addEventListener("input", () => remember("normalize", byId("normalize").checked));
    this.#tell();
  }

  /** Offer what the server can, and show how it reads where the user has not said. */
  show({ formats, speeds, normalize }) {
    this.#serverNormalizes = normalize;
    byId("normalize").checked = recall("normalize") ?? normalize;
    const known = formats.filter((format) => format in FORMATS);
    byId("format").replaceChildren(...known.map((format) => new Option(FORMATS[format], format)));
    byId("format").value = known.includes(recall("format")) ? recall("format") : "wav";
    [byId("speed").min, byId("speed").max] = speeds;
    byId("speed").value = recall("speed") ?? 1;
    this.#tell();
  }

  get speed() {
    return byId("speed").valueAsNumber;
  }

  get format() {
    return byId("format").value;
  }

  get formatName() {
    return FORMATS[this.format];
  }

  /** Undefined: as the server does. */
  get normalize() {
    const { checked } = byId("normalize");
    return checked === this.#serverNormalizes ? undefined : checked;
  }

  get sentencePause() {
    return byId("sentence-pause").valueAsNumber || 0;
  }

  get paragraphPause() {
    return byId("paragraph-pause").valueAsNumber || 0;
  }

  /** Say what is not as usual, also while the settings are folded. */
  #tell() {
    byId("speed-shown").textContent = `${this.speed} ×`;
    byId("speed").setAttribute("aria-valuetext", `${this.speed} times`);
    const told = [];
    if (this.speed !== 1) told.push(`${this.speed} ×`);
    if (this.sentencePause || this.paragraphPause) told.push("more pauses");
    if (this.normalize !== undefined) told.push(this.normalize ? "as a person reads" : "as written");
    if (this.format !== "wav") told.push(this.formatName);
    byId("chosen-settings").textContent = told.join(", ") || "as usual";
  }
}
