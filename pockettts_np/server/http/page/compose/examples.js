// What is on the page, as a program would ask for it.

const byId = (id) => document.getElementById(id);

/** Write the examples for a wish, and a format. */
export function showExamples(wish, format, hasKey) {
  const base = new URL(".", location.href).href;
  const curl = wish.voice.file ? curlForm : curlJson;
  byId("curl").textContent = curl(base, wish, format, hasKey);
  byId("python").textContent = python(base, wish, format, hasKey);
}

/** Let the buttons copy what stands below them; `say` tells that it was done. */
export function offerCopies(say) {
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(byId(button.dataset.of).textContent);
        say("Copied.");
      } catch { // without HTTPS, browsers have no clipboard
        getSelection().selectAllChildren(byId(button.dataset.of));
        say("It is selected; copy it with your keys.");
      }
    });
  }
}

/** What differs from the usual, by the names of the fields. */
function extras(wish) {
  const fields = {};
  if (wish.speed !== 1) fields.speed = wish.speed;
  if (wish.normalize !== undefined) fields.normalize = wish.normalize;
  if (wish.sentencePause) fields.sentence_pause = wish.sentencePause;
  if (wish.paragraphPause) fields.paragraph_pause = wish.paragraphPause;
  return fields;
}

function curlJson(base, wish, format, hasKey) {
  const fields = { model: "tts-1", voice: wish.voice.id, input: wish.text, response_format: format, ...extras(wish) };
  return [
    `curl -s ${base}v1/audio/speech${curlKey(hasKey)}`,
    `-H "Content-Type: application/json"`,
    `-d ${quoted(JSON.stringify(fields, null, 1).replace(/\n\s*/g, " "))}`,
    `-o speech.${format}`,
  ].join(" \\\n    ");
}

function curlForm(base, wish, format, hasKey) {
  const fields = { text: wish.text, response_format: format, ...extras(wish) };
  return [
    `curl -s ${base}tts${curlKey(hasKey)}`,
    ...Object.entries(fields).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`),
    `-F ${quoted(`voice_wav=@${wish.voice.file.name}`)}`,
    `-o speech.${format}`,
  ].join(" \\\n    ");
}

function curlKey(hasKey) {
  return hasKey ? ` \\\n    -H "Authorization: Bearer $POCKETTTS_API_KEY"` : "";
}

function python(base, wish, format, hasKey) {
  const { speed, ...others } = extras(wish);
  const literal = (value) => ({ true: "True", false: "False" })[value] ?? JSON.stringify(value);
  const pairs = Object.entries(others).map(([name, value]) => `"${name}": ${literal(value)}`);
  return [
    ...(hasKey ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    ...(wish.voice.file ? ["# A voice of your own is sent to /tts, as with curl; here the default one speaks."] : []),
    `client = OpenAI(base_url="${base}v1", api_key=${hasKey ? 'os.environ["POCKETTTS_API_KEY"]' : '"none"'})`,
    "with client.audio.speech.with_streaming_response.create(",
    `    model="tts-1",`,
    `    voice=${JSON.stringify(wish.voice.file ? "default" : wish.voice.id)},`,
    `    input=${JSON.stringify(wish.text)},`,
    `    response_format="${format}",`,
    ...(speed ? [`    speed=${speed},`] : []),
    ...(pairs.length ? [`    extra_body={${pairs.join(", ")}},`] : []),
    ") as response:",
    `    response.stream_to_file("speech.${format}")`,
  ].join("\n");
}

/** A text in quotes, as POSIX shells read it. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
