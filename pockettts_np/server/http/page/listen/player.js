// Plays a speech while it comes: any part of it that is there, from any place.

const LEAD_SECONDS = 0.05; // before the first sound, so that a late second piece leaves no gap
const AHEAD_SECONDS = 8; // given to the loudspeaker beforehand: pages that are not seen are woken rarely
const PIECE_SECONDS = 1;
const FADE_SECONDS = 0.01; // where sound is broken off
const FEED_MS = 250;

export class Player {
  #context = null;
  #volume = null; // gain nodes: of the user, and of what sounds since the last jump
  #fade = null;
  #sources = new Set();
  #speech = null;
  #from = 0; // seconds of the speech, which sound at `#begin` of the context's clock
  #begin = 0;
  #nGiven = 0; // samples of the speech before this one were given to the loudspeaker
  #timer = 0;
  #level = 1;
  isPlaying = false;
  onChange = () => {}; // it has begun or paused
  onEnd = () => {}; // it has come to the end of the speech

  /** Open the loudspeaker: browsers allow it where the user has just clicked. */
  wake() {
    if (!this.#context) {
      this.#context = new AudioContext();
      this.#volume = new GainNode(this.#context, { gain: this.#level });
      this.#volume.connect(this.#context.destination);
    }
    this.#context.resume();
  }

  set volume(level) {
    this.#level = level;
    this.#volume?.gain.setTargetAtTime(level, this.#context.currentTime, FADE_SECONDS);
  }

  get speech() {
    return this.#speech;
  }

  /** Take up another speech, at its beginning. */
  load(speech) {
    this.pause();
    this.#speech = speech;
    this.#from = 0;
  }

  play() {
    if (!this.#speech || this.isPlaying) return;
    this.wake();
    if (this.#isAtEnd) this.#from = 0;
    this.isPlaying = true;
    this.#start();
    this.onChange();
  }

  pause() {
    if (!this.isPlaying) return;
    this.#from = this.seconds;
    this.#silence();
    this.isPlaying = false;
    this.onChange();
  }

  /** Go to a place in the speech; it goes on playing, or stays paused. */
  seek(seconds) {
    if (!this.#speech) return;
    if (this.isPlaying) this.#silence();
    this.#from = Math.max(0, Math.min(seconds, this.#speech.seconds));
    if (this.isPlaying) this.#start();
  }

  /** The place in the speech that is heard now. */
  get seconds() {
    if (!this.isPlaying) return this.#from;
    const heard = this.#context.currentTime - (this.#context.outputLatency || 0) - this.#begin;
    return Math.min(this.#from + Math.max(0, heard), this.#nGiven / this.#speech.rateHz);
  }

  /** Hand on what has come since; called when more has. */
  feed() {
    if (!this.isPlaying) return;
    const { rateHz } = this.#speech;
    const now = this.#context.currentTime;
    for (;;) {
      let at = this.#begin + this.#nGiven / rateHz - this.#from;
      if (at - now > AHEAD_SECONDS) return;
      const samples = this.#speech.samples(this.#nGiven, PIECE_SECONDS * rateHz);
      if (!samples.length) break;
      if (at < now) { // it had run dry
        this.#from = this.#nGiven / rateHz;
        this.#begin = at = now + LEAD_SECONDS;
      }
      this.#give(samples, at);
    }
    if (!this.#isAtEnd) return;
    this.pause();
    this.onEnd();
  }

  get #isAtEnd() {
    return !this.#speech.isComing && this.seconds >= this.#speech.seconds;
  }

  #start() {
    this.#fade = new GainNode(this.#context);
    this.#fade.connect(this.#volume);
    this.#begin = this.#context.currentTime + LEAD_SECONDS;
    this.#nGiven = Math.round(this.#from * this.#speech.rateHz);
    this.#timer = setInterval(() => this.feed(), FEED_MS);
    this.feed();
  }

  #give(samples, at) {
    const buffer = this.#context.createBuffer(1, samples.length, this.#speech.rateHz);
    const floats = buffer.getChannelData(0);
    for (let i = 0; i < floats.length; i += 1) floats[i] = samples[i] / 32768;
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#fade);
    source.start(at);
    source.onended = () => this.#sources.delete(source);
    this.#sources.add(source);
    this.#nGiven += samples.length;
  }

  #silence() {
    clearInterval(this.#timer);
    const end = this.#context.currentTime + FADE_SECONDS;
    this.#fade.gain.setValueAtTime(1, this.#context.currentTime);
    this.#fade.gain.linearRampToValueAtTime(0, end);
    for (const source of this.#sources) source.stop(end);
    this.#sources.clear();
  }
}
