// Files that are opened or dropped: texts to read, and voices.

const LONGEST_BYTES = 4_000_000;
const VOICE = /\.(wav|flac|mp3|ogg|opus|safetensors)$/i;
const byId = (id) => document.getElementById(id);

/** `onText` is called with the text of a file, `onVoice` with the file of a voice, `onError` with a sentence. */
export function takeFiles(onText, onVoice, onError) {
  const take = async (file) => {
    try {
      await read(file);
    } catch { // a folder, or a file that is gone
      onError(`${file.name} cannot be read.`);
    }
  };
  const read = async (file) => {
    if (file.type.startsWith("audio/") || VOICE.test(file.name)) await onVoice(file);
    else if (file.size > LONGEST_BYTES) onError(`${file.name} is too large for a text.`);
    else if ((await textOf(file)).includes("\0")) onError(`${file.name} is no text.`);
    else onText(await textOf(file), file.name);
  };
  byId("open").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async () => {
    if (byId("file").files.length) await take(byId("file").files[0]);
    byId("file").value = ""; // so that the same file can be opened again
  });
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
}

/** A text in UTF-8 or, where it is none, as older programs of Windows write it. */
async function textOf(file) {
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
