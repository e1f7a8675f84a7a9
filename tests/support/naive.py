"""Every operation of the model as obvious float64 loops: slow, readable, and independent of the package.

Arrays are time-major `[T, C]`; weights have the layout of the checkpoints.
"""

import cmath
import math

import numpy as np

# ---------------------------------------------------------------- rows


def linear(x, weight, bias=None):  # [T, n_in], [n_out, n_in], [n_out] -> [T, n_out]
    out = np.zeros((len(x), len(weight)))
    for t in range(len(x)):
        for o in range(len(weight)):
            for i in range(x.shape[1]):
                out[t, o] += float(weight[o, i]) * float(x[t, i])
            if bias is not None:
                out[t, o] += bias[o]
    return out


def rounded(x):  # [T, n] -> [T, n]
    """Rows as prompts in int8 see them: each 32 numbers as integers from −63 to 63 times a step."""
    out = np.zeros(x.shape)
    for t in range(len(x)):
        for first in range(0, x.shape[1], 32):
            block = x[t, first : first + 32].astype(np.float64)
            step = max(abs(block)) / 63
            for i, number in enumerate(block):
                out[t, first + i] = np.floor(number / step + 0.5) * step if step > 0 else 0
    return out


def layer_norm(x, weight=None, bias=None, eps=1e-5):  # [T, d] -> [T, d]
    out = np.zeros(x.shape)
    for t, row in enumerate(np.asarray(x, np.float64)):
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / len(row)
        for i, v in enumerate(row):
            y = (v - mean) / math.sqrt(variance + eps)
            out[t, i] = y if weight is None else y * weight[i] + bias[i]
    return out


def std_norm(x, gain, eps=1e-5):  # [d], [d] -> [d]; divides by the unbiased deviation, keeps the mean
    row = np.asarray(x, np.float64)
    mean = sum(row) / len(row)
    variance = sum((v - mean) ** 2 for v in row) / (len(row) - 1)
    return np.array([v * g / math.sqrt(variance + eps) for v, g in zip(row, gain, strict=True)])


def _each(function, x):
    return np.array([function(float(v)) for v in np.ravel(x)]).reshape(np.shape(x))


def gelu(x):  # the tanh form
    return _each(lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))), x)


def silu(x):
    return _each(lambda v: v / (1 + math.exp(-v)), x)


def elu(x):
    return _each(lambda v: v if v > 0 else math.expm1(v), x)


def text_embedding(ids, table, projection=None):  # [T], [n, rank or d], [d, rank] -> [T, d]
    rows = np.array([table[i] for i in ids], np.float64)
    return rows if projection is None else linear(rows, projection)


# ---------------------------------------------------------------- attention


def rope(x, position=0, max_period=10_000.0):  # [T, H, D] -> [T, H, D]; rotates the pairs (0, 1), (2, 3), …
    out = np.zeros(x.shape)
    T, H, D = x.shape
    for t in range(T):
        for h in range(H):
            for i in range(D // 2):
                angle = (position + t) * max_period ** (-2 * i / D)
                a, b = float(x[t, h, 2 * i]), float(x[t, h, 2 * i + 1])
                out[t, h, 2 * i] = a * math.cos(angle) - b * math.sin(angle)
                out[t, h, 2 * i + 1] = a * math.sin(angle) + b * math.cos(angle)
    return out


def attention(q, k, v, context=None):
    """Causal: q [n, H, D] are the last n of the T positions of k and v [T, H_kv, D]; -> [n, H, D].

    A query sees itself and the context − 1 positions before it. Each key head serves H / H_kv query heads.
    """
    n, H, D = q.shape
    T, n_kv = k.shape[:2]
    out = np.zeros(q.shape)
    for t in range(n):
        here = T - n + t
        first = 0 if context is None else max(0, here - context + 1)
        for h in range(H):
            g = h // (H // n_kv)
            scores = [float(np.dot(q[t, h], k[j, g])) / math.sqrt(D) for j in range(first, here + 1)]
            highest = max(scores)
            powers = [math.exp(s - highest) for s in scores]
            for j, p in zip(range(first, here + 1), powers, strict=True):
                out[t, h] += p / sum(powers) * v[j, g]
    return out


def transformer_layer(x, w, n_heads, n_kv_heads, context=None, max_period=10_000.0):
    """One layer over a whole sequence [T, d]; `w` maps the checkpoint's names in that layer to tensors."""
    x = np.asarray(x, np.float64)
    T = len(x)
    q_dim = w["self_attn.out_proj.weight"].shape[1]
    D = q_dim // n_heads
    projected = linear(layer_norm(x, w["norm1.weight"], w["norm1.bias"]), w["self_attn.in_proj.weight"])
    q = projected[:, :q_dim].reshape(T, n_heads, D)
    k, v = projected[:, q_dim:].reshape(T, 2, n_kv_heads, D).transpose(1, 0, 2, 3)
    attended = attention(rope(q, 0, max_period), rope(k, 0, max_period), v, context).reshape(T, q_dim)
    x = x + linear(attended, w["self_attn.out_proj.weight"]) * w.get("layer_scale_1.scale", 1)
    hidden = gelu(linear(layer_norm(x, w["norm2.weight"], w["norm2.bias"]), w["linear1.weight"]))
    return x + linear(hidden, w["linear2.weight"]) * w.get("layer_scale_2.scale", 1)


# ---------------------------------------------------------------- convolutions


def conv1d(x, weight, bias=None, stride=1, dilation=1, groups=1, replicate=False):
    """Causal over a whole signal: [T, C_in], [C_out, C_in / groups, K] -> [T / stride, C_out].

    (K − 1) · dilation + 1 − stride rows stand before the first: zeros, or copies of the first row.
    """
    n_out, n_in, K = weight.shape
    n_before = (K - 1) * dilation + 1 - stride
    first = x[:1] if replicate else np.zeros((1, x.shape[1]))
    x = np.concatenate([first] * n_before + [x]).astype(np.float64)
    out = np.zeros(((len(x) - n_before) // stride, n_out))
    for t in range(len(out)):
        for o in range(n_out):
            g = o // (n_out // groups)
            for k in range(K):
                row = x[t * stride + k * dilation]
                for i in range(n_in):
                    out[t, o] += weight[o, i, k] * row[g * n_in + i]
            if bias is not None:
                out[t, o] += bias[o]
    return out


def conv_transpose1d(x, weight, bias=None, stride=1):
    """Causal over a whole signal: [T, C_in], [C_in, C_out, K] -> [T · stride, C_out]; the tail is dropped."""
    n_in, n_out, K = weight.shape
    out = np.zeros((len(x) * stride + K - stride, n_out))
    for t in range(len(x)):
        for k in range(K):
            for o in range(n_out):
                for i in range(n_in):
                    out[t * stride + k, o] += float(x[t, i]) * weight[i, o, k]
    out = out[: len(x) * stride]
    return out if bias is None else out + bias


def depthwise_conv_transpose1d(x, weight, stride):  # [T, C], [C, 1, K] -> [T · stride, C]
    channels = [conv_transpose1d(x[:, c : c + 1], weight[c : c + 1], None, stride) for c in range(x.shape[1])]
    return np.concatenate(channels, axis=1)


def residual_block(x, w, dilation=1):  # `w` maps the checkpoint's names in that block to tensors
    y = conv1d(elu(x), w["block.1.conv.weight"], w["block.1.conv.bias"], dilation=dilation)
    return x + conv1d(elu(y), w["block.3.conv.weight"], w["block.3.conv.bias"])


# ---------------------------------------------------------------- flow net


def time_embedding(t, w):
    """A time in [0, 1] -> [h]; `w` maps the checkpoint's names in that embedder to tensors."""
    half = 128
    angles = [t * math.exp(-math.log(10_000) * i / half) for i in range(half)]
    row = np.array([[math.cos(a) for a in angles] + [math.sin(a) for a in angles]])
    hidden = silu(linear(row, w["mlp.0.weight"], w["mlp.0.bias"]))
    return std_norm(linear(hidden, w["mlp.2.weight"], w["mlp.2.bias"])[0], w["mlp.3.alpha"])


def _affine(w, name, row):
    return linear(row, w[f"{name}.weight"], w[f"{name}.bias"])


def flow_condition(condition, times, w):  # [z] -> [1, h]
    y = _affine(w, "cond_embed", condition[None])
    for i, t in enumerate(times):
        y = y + time_embedding(t, scope(w, f"time_embed.{i}")) / len(times)
    return y


def flow_block(h, y, w):
    """[1, h], [1, h] -> [1, h]; `w` maps the checkpoint's names in that block to tensors."""
    shift, scale, gate = np.split(_affine(w, "adaLN_modulation.1", silu(y)), 3, axis=1)
    normed = layer_norm(h, w["in_ln.weight"], w["in_ln.bias"], eps=1e-6)
    return h + gate * _affine(w, "mlp.2", silu(_affine(w, "mlp.0", normed * (1 + scale) + shift)))


def flow_head(h, y, w):  # [1, h], [1, h] -> [latent]
    shift, scale = np.split(_affine(w, "final_layer.adaLN_modulation.1", silu(y)), 2, axis=1)
    return _affine(w, "final_layer.linear", layer_norm(h, eps=1e-6) * (1 + scale) + shift)[0]


def flow_net(condition, times, x, w):
    """condition [z], times (two, one or none), x [latent] -> [latent]; `w` maps the checkpoint's names to tensors."""
    y, h = flow_condition(condition, times, w), _affine(w, "input_proj", x[None])
    for i in range(len({name.split(".")[1] for name in w if name.startswith("res_blocks.")})):
        h = flow_block(h, y, scope(w, f"res_blocks.{i}"))
    return flow_head(h, y, w)


def sample(kind, velocity, noise, n_steps=1):
    """A latent from `noise` (already scaled) by the sampler `kind`; velocity(times, x) is the flow net."""
    if kind == "drifting":
        return velocity([], noise)
    if kind == "pointwise":
        return noise + velocity([], noise)
    x = noise
    for i in range(n_steps):
        times = [i / n_steps, (i + 1) / n_steps] if kind == "lsd" else [i / n_steps]
        x = x + velocity(times, x) / n_steps
    return x


# ---------------------------------------------------------------- source-filter decoder


def harmonic_source(pitch_hz, voicing, row_samples, rate_hz, highest_hz):
    """Pitch and voicing (0 or 1) at the end of each row -> samples: harmonics up to `highest_hz`, of power 1."""
    source, phase = [], 0.0
    for t in range(len(pitch_hz)):
        for i in range(1, row_samples + 1):
            now, voiced = (x[max(t - 1, 0)] + (x[t] - x[max(t - 1, 0)]) * i / row_samples for x in (pitch_hz, voicing))
            phase += now / rate_hz
            n = max(1, math.floor(highest_hz / now))
            total = sum(math.cos(2 * math.pi * k * (phase % 1)) for k in range(1, n + 1))
            source.append(voiced * total * math.sqrt(2 / n))
    return np.array(source)


def source_filter(parameters, row_samples, rate_hz, highest_hz, reference_hz, turns, lowest_hz=1.0, largest=6.0):
    """Rows of 3 · bins + 2 numbers and phases of the noise [2 T, bins] -> samples, 3 / 2 rows late."""
    T, bins, n = len(parameters), row_samples + 1, 2 * row_samples
    hop = row_samples // 2
    parameters = np.asarray(parameters, np.float64)
    pitch = [min(max(reference_hz * math.exp(min(p, 700)), lowest_hz), highest_hz) for p in parameters[:, 3 * bins]]
    voicing = [1.0 if v > 0 else 0.0 for v in parameters[:, 3 * bins + 1]]
    source = np.concatenate([np.zeros(3 * hop), harmonic_source(pitch, voicing, row_samples, rate_hz, highest_hz)])
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * i / n) for i in range(n)]
    out = np.zeros(T * row_samples + 3 * hop)
    for w in range(2 * T):
        row = parameters[w // 2]
        if w % 2 == 0:
            row = (parameters[max(w // 2 - 1, 0)] + row) / 2
        size, phase, noise = row[:bins], row[bins : 2 * bins], row[2 * bins : 3 * bins]
        for k in range(bins):
            x = sum(source[w * hop + i] * hann[i] * cmath.exp(-2j * math.pi * k * i / n) for i in range(n))
            y = x * cmath.rect(math.exp(min(size[k], largest)), phase[k])
            y += cmath.rect(math.exp(min(noise[k], largest)), turns[w, k])
            weight = 1 if k in (0, bins - 1) else 2  # a bin also stands for its mirror image
            for i in range(n):
                out[w * hop + i] += hann[i] * weight * (y * cmath.exp(2j * math.pi * k * i / n)).real / n
    return out[: T * row_samples]


# ---------------------------------------------------------------- audio and names


def end_on_pause(samples, rate_hz):
    """Cut what is 35 dB under the loudest 20 ms frame at the end, fade the last 20 ms, append 80 ms of zeros."""
    frame = max(1, int(0.02 * rate_hz))
    n_frames = len(samples) // frame
    if n_frames == 0:
        return np.array(samples)
    level_db = []
    for i in range(n_frames):
        power = sum(float(v) ** 2 for v in samples[i * frame : (i + 1) * frame]) / frame
        level_db.append(20 * math.log10(math.sqrt(power) + 1e-12))
    end = frame * max(i + 1 for i in range(n_frames) if level_db[i] > max(level_db) - 35)
    kept = np.array(samples[:end], np.float64)
    fade = min(int(0.02 * rate_hz), end)
    for i in range(fade):
        kept[end - fade + i] *= 1 - (i / (fade - 1) if fade > 1 else 0)
    return np.concatenate([kept, np.zeros(int(0.08 * rate_hz))])


def scope(w, prefix):
    """The tensors whose names begin with `prefix.`, under the rest of their names."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in w.items() if name.startswith(prefix + ".")}
