"use strict";
// The review page. Data come as scripts that call `camseg.index`, `.decided`, `.thumbs` and `.image`, since a
// page from disk may load scripts and nothing else. Text from files enters the page as text alone.

const camseg = (() => {
  const BLOCK = 64; // small images in a script
  const TILE = 132, CAPTION = 20; // pixels
  const KEPT = 8; // images that stay decoded
  const IGNORE = 255;
  const STEPS = 60; // strokes and decisions that can be undone
  const PAUSE = 120; // seconds; longer ones do not count for the pace
  const SERVED = location.protocol.startsWith("http");
  const WORDS = { accepted: "accepted", painted: "painted", rejected: "rejected", "wrong-label": "label is wrong" };

  const $ = (id) => document.getElementById(id);
  const waiting = new Map(); // key of a script -> what to do with its data
  const decided = new Map(); // name -> decision
  const thumbs = new Map(); // number -> [photo, mask]
  const blocks = new Set(); // small images that are loaded, or on their way
  const images = new Map(); // number -> promise of a decoded image
  const drafts = new Map(); // number -> painted ids
  const records = new Map(); // number -> what is to be kept of an image
  const unsent = new Set(); // numbers
  const tiles = new Map(); // place in the list -> element
  const history = [];
  const times = []; // of decisions, in seconds
  let table, column, colours32, list = [], at = 0, image = null, columnsOfWall = 1, widthOfTile = TILE;
  let view = { zoom: 1, x: 0.5, y: 0.5 }, cross = null, stroke = null, frame = 0, saving = false, seed = 1;
  const shown = new Set(["photo", "heat", "mask", "within", "prediction", "truth", "added"]);

  // ---- Data ---------------------------------------------------------------------------------------------

  function load(url, key) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      waiting.set(key, resolve);
      script.src = url;
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error(`${url} is missing. Build the page again: camseg review build`));
      document.head.append(script);
    });
  }

  const arrived = (key, data) => waiting.get(key)?.(data);
  const padded = (number, digits) => String(number).padStart(digits, "0");
  const nameOf = (n) => column.name[n];
  const isTrain = (n) => column.split[n] === "train";
  const current = () => list[at];

  function loadImage(n) {
    const known = images.get(n) ?? load(`images/${padded(n, 6)}.js`, `image ${n}`).then((data) => decode(n, data));
    images.delete(n); // the last one used stays longest
    images.set(n, known);
    for (const old of [...images.keys()].slice(0, Math.max(0, images.size - KEPT))) images.delete(old);
    known.catch(() => images.delete(n));
    return known;
  }

  async function decode(n, data) {
    const [h, w] = data.size, layers = new Map();
    const [photo, heat, ...masks] = await Promise.all([
      picture(data.photo),
      data.heat ? grey(data.heat.url) : null,
      ...Object.values(data.masks).map(grey),
    ]);
    Object.keys(data.masks).forEach((key, i) => layers.set(key, masks[i]));
    const maps = heat ? column.labels[n].map((_, i) => enlarge(heat, i, data.heat.size, h, w)) : null;
    const paint = records.get(n)?.painted;
    if (paint && !drafts.has(n)) drafts.set(n, fromRuns(paint, w * h));
    return { n, w, h, photo, maps, layers, original: layers.get("mask"), shown: data.shown, corrected: data.corrected, drawn: new Map() };
  }

  async function picture(url) {
    const element = new Image();
    element.src = url;
    await element.decode();
    return element;
  }

  async function grey(url) {
    const element = await picture(url), canvas = sheet(element.width, element.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(element, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return Uint8Array.from({ length: pixels.length / 4 }, (_, i) => pixels[4 * i]);
  }

  function sheet(width, height) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    return canvas;
  }

  // Map `index` of those below each other in `values`, bilinear between the middles of its cells.
  function enlarge(values, index, [rows, cells], h, w) {
    const result = new Float32Array(h * w), start = index * rows * cells;
    const along = (length, count) => Array.from({ length }, (_, i) => {
      const place = Math.min(Math.max(((i + 0.5) * count) / length - 0.5, 0), count - 1), low = Math.floor(place);
      return [low, Math.min(low + 1, count - 1), place - low];
    });
    const across = along(w, cells);
    along(h, rows).forEach(([top, bottom, down], y) => {
      for (let x = 0; x < w; x++) {
        const [left, right, aside] = across[x], a = start + top * cells, b = start + bottom * cells;
        const upper = values[a + left] * (1 - aside) + values[a + right] * aside;
        const lower = values[b + left] * (1 - aside) + values[b + right] * aside;
        result[y * w + x] = (upper * (1 - down) + lower * down) / 255;
      }
    });
    return result;
  }

  function toRuns(ids) {
    const runs = [];
    for (let i = 0, from = 0; i < ids.length; i++) {
      if (i + 1 === ids.length || ids[i + 1] !== ids[i]) {
        runs.push(ids[i], i + 1 - from);
        from = i + 1;
      }
    }
    return runs;
  }

  function fromRuns(runs, length) {
    const ids = new Uint8Array(length);
    for (let i = 0, from = 0; i < runs.length; from += runs[i + 1], i += 2) ids.fill(runs[i], from, from + runs[i + 1]);
    return ids;
  }

  // ---- Filter and sort ----------------------------------------------------------------------------------

  function passes(n) {
    const kind = decided.get(nameOf(n)), wanted = $("decision").value, only = $("only").value;
    const score = column.score[n], confidence = column.confidence[n], atMost = (id) => Number($(id).value);
    return (!$("split").value || column.split[n] === $("split").value)
      && ($("class").value === "" || ($("class").value === "none" ? !column.labels[n].length : column.labels[n].includes(Number($("class").value))))
      && (!wanted || (wanted === "none" ? !kind : kind === wanted))
      && (!only || column[only][n].length > 0)
      && (atMost("confidence") === 1 || (confidence !== null && confidence <= atMost("confidence")))
      && (atMost("score") === 1 || (score !== null && score <= atMost("score")))
      && nameOf(n).toLowerCase().includes($("search").value.toLowerCase());
  }

  function sortKey() {
    const last = (value) => value ?? Infinity;
    switch ($("sort").value) {
      case "worst": return (n) => last(column.score[n]);
      case "large": return (n) => -column.share[n];
      case "small": return (n) => column.share[n];
      case "random": return (n) => Math.imul(n + 1 + seed, 2654435761) >>> 0;
      default: return (n) => last(column.confidence[n]);
    }
  }

  function filter() {
    const stay = current(), key = sortKey(), byName = (a, b) => (nameOf(a) < nameOf(b) ? -1 : 1);
    list = column.name.map((_, n) => n).filter(passes);
    list.sort($("sort").value === "name" ? byName : (a, b) => key(a) - key(b) || byName(a, b));
    at = Math.max(0, list.indexOf(stay));
    for (const id of ["confidence", "score"]) $(`${id}-value`).value = Number($(id).value).toFixed(2);
    $("count").textContent = `${list.length} of ${column.name.length} images`;
    for (const element of tiles.values()) element.remove();
    tiles.clear();
    $("scroll").scrollTop = 0;
    drawWall();
  }

  // ---- The wall: only the tiles in sight are elements ---------------------------------------------------------

  function drawWall() {
    if ($("wall").hidden || !table) return;
    const { clientWidth, clientHeight, scrollTop } = $("scroll"), height = TILE + CAPTION; // all is read, then written
    columnsOfWall = Math.max(2, Math.floor(clientWidth / TILE));
    widthOfTile = Math.floor(clientWidth / columnsOfWall);
    const first = Math.max(0, Math.floor(scrollTop / height) - 1) * columnsOfWall;
    const end = Math.min(list.length, (Math.ceil((scrollTop + clientHeight) / height) + 1) * columnsOfWall);
    $("tiles").style.height = `${Math.ceil(list.length / columnsOfWall) * height}px`;
    for (const [place, element] of tiles) {
      if ((place < first || place >= end) && element !== document.activeElement) {
        element.remove();
        tiles.delete(place);
      }
    }
    for (let place = first; place < end; place++) {
      if (!tiles.has(place)) {
        tiles.set(place, makeTile(place));
        $("tiles").append(tiles.get(place));
      }
      layTile(place);
    }
    drawWall.range = [first, end];
    drawWall.timer ??= setTimeout(() => { drawWall.timer = null; loadThumbs(...drawWall.range); }, 60); // not what flies past
  }

  function makeTile(place) {
    const tile = document.createElement("button"), n = list[place];
    tile.type = "button";
    tile.dataset.place = place;
    tile.className = "tile";
    tile.append(document.createElement("img"), document.createElement("img"), document.createElement("span"));
    for (const element of tile.querySelectorAll("img")) Object.assign(element, { alt: "", decoding: "async" });
    tile.addEventListener("click", () => { at = list.indexOf(n); open(); });
    tile.addEventListener("focus", () => { at = list.indexOf(n); markChosen(); });
    return tile;
  }

  function layTile(place) {
    const tile = tiles.get(place), n = list[place], kind = decided.get(nameOf(n));
    const [photo, mask, caption] = tile.children, urls = thumbs.get(n), confidence = column.confidence[n];
    const state = [kind, place === at, $("masks-on-wall").checked, Boolean(urls), widthOfTile].join();
    if (tile.dataset.state === state) return; // most tiles stay as they are while one scrolls
    tile.dataset.state = state;
    tile.style.width = `${Math.min(widthOfTile, TILE + 30) - 4}px`;
    tile.style.height = `${TILE + CAPTION - 4}px`;
    tile.style.transform = `translate(${(place % columnsOfWall) * widthOfTile}px, ${Math.floor(place / columnsOfWall) * (TILE + CAPTION)}px)`;
    caption.textContent = `${confidence === null ? "" : `${confidence.toFixed(2)} `}${nameOf(n)}`;
    tile.title = nameOf(n);
    tile.setAttribute("aria-label", `${nameOf(n)}${kind ? `, ${WORDS[kind]}` : ""}`);
    tile.classList.toggle("chosen", place === at);
    if (urls && !photo.hasAttribute("src")) photo.src = urls[0];
    if (urls?.[1] && !mask.hasAttribute("src")) mask.src = urls[1];
    mask.hidden = !urls || !urls[1] || !$("masks-on-wall").checked;
    photo.hidden = !urls;
    if (kind && !tile.children[3]) tile.append(document.createElement("b"));
    if (!kind) tile.children[3]?.remove();
    if (kind) { tile.children[3].textContent = WORDS[kind]; tile.children[3].dataset.decision = kind; }
  }

  function markChosen() {
    for (const place of tiles.keys()) layTile(place);
  }

  function loadThumbs(first, end) {
    for (const n of list.slice(first, end)) {
      const block = Math.floor(n / BLOCK);
      if (blocks.has(block)) continue;
      blocks.add(block);
      load(`thumbs/${padded(block, 5)}.js`, `thumbs ${block * BLOCK}`).then((urls) => {
        urls.forEach((pair, i) => thumbs.set(block * BLOCK + i, pair));
        drawSoon(drawWall);
      }, (error) => { blocks.delete(block); complain(error.message); });
    }
  }

  function choose(place) {
    if (!list.length) return;
    at = Math.min(Math.max(place, 0), list.length - 1);
    const box = $("scroll"), height = TILE + CAPTION, top = Math.floor(at / columnsOfWall) * height;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
    drawWall();
    tiles.get(at)?.focus({ preventScroll: true });
  }

  function wall() {
    send();
    image = null;
    $("single").hidden = true;
    $("wall").hidden = false;
    if ($("decision").value) filter();
    choose(at);
  }

  // ---- One image ----------------------------------------------------------------------------------------

  async function open() {
    const n = current();
    if (n === undefined) return;
    $("wall").hidden = true;
    $("single").hidden = false;
    describe(n);
    try {
      const loaded = await loadImage(n);
      if (n !== current() || $("single").hidden) return; // one has gone on meanwhile
      if (image?.n !== n) { view = { zoom: 1, x: 0.5, y: 0.5 }; cross = null; }
      image = loaded;
    } catch (error) {
      return complain(error.message);
    }
    image.layers.set("mask", drafts.get(n) ?? image.original);
    if (!image.layers.get("mask")) image.layers.delete("mask");
    image.drawn.clear();
    image.counted = false;
    cut();
    listLayers();
    listInks();
    arrange();
    for (const next of [list[at + 1], list[at - 1]]) if (next !== undefined) loadImage(next).catch(() => {});
  }

  function describe(n) {
    const labels = column.labels[n].map((label) => table.classes[label]), facts = $("facts");
    const number = (name, value) => (value === null ? [] : [`${name} ${value.toFixed(2)}`]);
    const kind = decided.get(nameOf(n));
    $("name").textContent = nameOf(n);
    $("place").textContent = `${at + 1} of ${list.length}`;
    $("badge").textContent = kind ? WORDS[kind] : "";
    $("badge").dataset.decision = kind ?? "";
    facts.textContent = [
      isTrain(n) ? "training image" : `${column.split[n]} image: it scores, so it is not accepted or painted`,
      labels.length ? labels.join(", ") : "background",
      ...number("confidence", column.confidence[n]),
      ...number("score", column.score[n]),
    ].join(" · ");
    const warn = (text) => { const bold = document.createElement("b"); bold.textContent = text; facts.append(" · ", bold); };
    if (column.lost[n].length) warn(`no pixel of ${column.lost[n].map((label) => table.classes[label]).join(", ")}`);
    for (const [label, given, probability] of column.issues[n]) {
      warn(`${given ? "labelled" : "not labelled"} ${table.classes[label]}, probability ${probability.toFixed(2)}`);
    }
    for (const id of ["accept", "reject"]) $(id).disabled = !isTrain(n);
    $("paint-box").hidden = !isTrain(n);
    $("undo").disabled = !history.length && !kind;
    $("previous").disabled = at === 0;
    $("next").disabled = at >= list.length - 1;
    progress();
  }

  function layerName(key) {
    const names = { photo: "image", heat: "heatmap", cut: "heat above the threshold", mask: "mask", method: "mask", within: "prediction", prediction: "prediction", truth: "ground truth", added: "drawn ground truth" };
    if (key === "mask" && drafts.has(image.n)) return "your mask";
    if (key === "mask" && image.corrected) return "corrected mask";
    return `${names[key]} ${table.names[key] ?? ""}`.trim();
  }

  function layerKeys() {
    return ["photo", ...(image.maps ? ["heat"] : []), ...(image.layers.has("cut") ? ["cut"] : []),
      ...["mask", "method", "within", "prediction", "truth", "added"].filter((key) => image.layers.has(key))];
  }

  function listLayers() {
    const box = $("layers"), legend = box.firstElementChild, keys = layerKeys();
    box.replaceChildren(legend, ...keys.map((key) => {
      const label = document.createElement("label"), input = document.createElement("input");
      input.type = "checkbox";
      input.checked = shown.has(key);
      input.dataset.layer = key;
      input.addEventListener("change", () => { input.checked ? shown.add(key) : shown.delete(key); arrange(); });
      label.className = "check";
      label.append(input, ` ${layerName(key)}`);
      return label;
    }));
    for (const [id, wanted] of [["left", ["mask", "prediction"]], ["right", ["truth", "added", "prediction", "within", "method", "cut"]]]) {
      const before = $(id).value;
      $(id).replaceChildren(...keys.map((key) => new Option(layerName(key), key)));
      $(id).value = keys.includes(before) ? before : wanted.find((key) => keys.includes(key)) ?? "photo";
    }
    $("cut-box").hidden = !image.layers.has("cut");
    $("take").disabled = !image.layers.has("mask");
  }

  function listInks() {
    const inks = [[0, table.background ? "background" : "open"], ...column.labels[image.n].map((label) => [label + 1, table.classes[label]])];
    $("inks").replaceChildren(...inks.map(([id, name], i) => {
      const label = document.createElement("label"), input = document.createElement("input"), swatch = document.createElement("span");
      Object.assign(input, { type: "radio", name: "ink", value: id === 0 && !table.background ? IGNORE : id, checked: i === Math.min(1, inks.length - 1) });
      swatch.className = "swatch";
      swatch.style.background = id ? css(id) : "transparent";
      label.append(input, swatch, ` ${name} `, Object.assign(document.createElement("kbd"), { textContent: i < 10 ? i : "" }));
      return label;
    }));
  }

  const css = (id) => (id === IGNORE ? "#fff" : `rgb(${table.colours[id - 1].join(" ")})`);
  const ink = () => Number(document.querySelector("input[name=ink]:checked").value);
  const tool = () => document.querySelector("input[name=tool]:checked").value;
  const brush = () => Math.max(1, Number(document.querySelector("input[name=size]:checked").value) * Math.max(image.w, image.h));

  // A canvas for each layer that is shown; all share zoom and place.
  function arrange() {
    if (!image) return;
    for (const element of document.querySelectorAll(".swiping")) element.hidden = !$("swipe").checked;
    const keys = $("swipe").checked ? ["swipe"] : layerKeys().filter((key) => shown.has(key));
    const box = $("panes"), counts = keys.map((_, i) => i + 1); // of columns
    const scale = (columns) => Math.min(box.clientWidth / columns / image.w, box.clientHeight / Math.ceil(keys.length / columns) / image.h);
    const best = counts.reduce((one, other) => (scale(other) > scale(one) ? other : one), 1);
    box.style.gridTemplateColumns = `repeat(${best}, minmax(0, 1fr))`;
    while (box.children.length > keys.length) box.lastElementChild.remove();
    while (box.children.length < keys.length) box.append(makePane());
    keys.forEach((key, i) => { box.children[i].dataset.layer = key; });
    drawSoon(drawPanes);
  }

  function makePane() {
    const pane = document.createElement("div"), canvas = document.createElement("canvas");
    pane.className = "pane";
    pane.append(canvas, document.createElement("span"));
    canvas.addEventListener("pointerdown", (event) => press(event, canvas));
    canvas.addEventListener("pointermove", (event) => drag(event, canvas));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, release);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = pixelAt(event, canvas);
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, x / image.w, y / image.h);
    }, { passive: false });
    return pane;
  }

  function drawSoon(work) {
    drawSoon.work = (drawSoon.work ?? new Set()).add(work);
    frame ||= requestAnimationFrame(() => {
      const all = drawSoon.work;
      frame = 0;
      drawSoon.work = new Set();
      for (const each of all) each();
    });
  }

  function drawPanes() {
    if (!image || $("single").hidden) return;
    for (const pane of $("panes").children) {
      const paints = tool() !== "move" && canPaint();
      pane.classList.toggle("paint", paints);
      pane.classList.toggle("held", paints || view.zoom > 1); // else a finger scrolls the page
      drawPane(pane.firstElementChild, pane.lastElementChild, pane.dataset.layer);
    }
    drawShares();
  }

  function place(canvas) {
    const fit = Math.min(canvas.clientWidth / image.w, canvas.clientHeight / image.h) * view.zoom;
    return { fit, left: canvas.clientWidth / 2 - view.x * image.w * fit, top: canvas.clientHeight / 2 - view.y * image.h * fit };
  }

  function drawPane(canvas, caption, key) {
    const density = window.devicePixelRatio || 1, { fit, left, top } = place(canvas);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * density));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * density));
    const context = canvas.getContext("2d"), edge = Number($("edge").value) * canvas.clientWidth;
    const halves = key === "swipe" ? [[$("left").value, 0, edge], [$("right").value, edge, canvas.clientWidth]] : [[key, 0, canvas.clientWidth]];
    for (const [layer, from, to] of halves) {
      context.save();
      context.scale(density, density);
      context.beginPath();
      context.rect(from, 0, to - from, canvas.clientHeight);
      context.clip();
      context.save();
      context.translate(left, top);
      context.scale(fit, fit);
      drawLayer(context, layer, fit);
      context.restore();
      if ($("names").checked) drawNames(context, layer, fit, left, top, canvas);
      context.restore();
    }
    context.scale(density, density);
    if (key === "swipe") { context.fillStyle = "#fff"; context.fillRect(edge - 1, 0, 2, canvas.clientHeight); }
    if (cross) drawCross(context, left + cross.x * fit, top + cross.y * fit, Math.max(4, brush() * fit));
    caption.textContent = key === "swipe" ? `${layerName(halves[0][0])} | ${layerName(halves[1][0])}` : layerName(key);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${nameOf(image.n)}: ${caption.textContent}`);
  }

  function drawLayer(context, key, fit) {
    context.imageSmoothingEnabled = fit < 3;
    context.drawImage(image.photo, 0, 0, image.w, image.h);
    if (key === "photo") return;
    if (!image.drawn.has(key)) image.drawn.set(key, key === "heat" ? drawHeat() : drawIds(image.layers.get(key)));
    const { fill, outline } = image.drawn.get(key);
    context.imageSmoothingEnabled = key === "heat";
    context.globalAlpha = key === "heat" ? Math.min(1, Number($("fade").value) + 0.3) : Number($("fade").value);
    context.drawImage(fill, 0, 0);
    context.globalAlpha = 1;
    if (outline) context.drawImage(outline, 0, 0);
  }

  function changed(key) {
    image.drawn.delete(key);
    image.counted = false;
  }

  function drawHeat() {
    const fill = sheet(image.w, image.h), context = fill.getContext("2d"), pixels = context.createImageData(image.w, image.h);
    for (let i = 0; i < image.w * image.h; i++) {
      let peak = 0;
      for (const map of image.maps) peak = Math.max(peak, map[i]);
      pixels.data.set(table.heat[Math.round(peak * 255)], 4 * i);
      pixels.data[4 * i + 3] = Math.round(peak * 255);
    }
    context.putImageData(pixels, 0, 0);
    return { fill };
  }

  function drawIds(ids) {
    const { w, h } = image, fill = sheet(w, h), outline = sheet(w, h), tops = new Map();
    const [inside, edge] = [fill, outline].map((canvas) => canvas.getContext("2d").createImageData(w, h));
    const inside32 = new Uint32Array(inside.data.buffer), edge32 = new Uint32Array(edge.data.buffer);
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0; x < w; x++, i++) {
        const id = ids[i];
        if (!id) continue;
        if (id === IGNORE) { inside32[i] = (x + y) % 8 < 3 ? 0xffffffff : 0x50ffffff; continue; }
        inside32[i] = colours32[id];
        if (!tops.has(id)) tops.set(id, [x, y]);
        if ((x && ids[i - 1] !== id) || (x + 1 < w && ids[i + 1] !== id) || (y && ids[i - w] !== id) || (y + 1 < h && ids[i + w] !== id)) edge32[i] = colours32[id];
      }
    }
    fill.getContext("2d").putImageData(inside, 0, 0);
    outline.getContext("2d").putImageData(edge, 0, 0);
    return { fill, outline, tops };
  }

  function drawNames(context, key, fit, left, top, canvas) {
    const tops = image.drawn.get(key)?.tops ?? [], taken = [];
    context.font = "600 12px system-ui, sans-serif";
    context.lineWidth = 3;
    for (const [id, [x, y]] of tops) {
      const name = table.classes[id - 1], width = context.measureText(name).width;
      const across = Math.min(Math.max(left + x * fit, 3), canvas.clientWidth - width - 3);
      let down = Math.min(Math.max(top + y * fit - 4, 34), canvas.clientHeight - 4);
      while (taken.some(([from, to, at]) => from < across + width && across < to && Math.abs(at - down) < 14)) down += 14;
      taken.push([across, across + width, down]);
      context.strokeStyle = "rgb(0 0 0 / 75%)";
      context.strokeText(name, across, down);
      context.fillStyle = css(id);
      context.fillText(name, across, down);
    }
  }

  function drawCross(context, x, y, radius) {
    for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.moveTo(x - 6, y);
      context.lineTo(x + 6, y);
      context.moveTo(x, y - 6);
      context.lineTo(x, y + 6);
      context.stroke();
    }
  }

  // The share of each class in every mask, and how well it fits the ground truth of this image.
  function drawShares() {
    if (image.counted) return; // it takes milliseconds, and the image is moved
    image.counted = true;
    const keys = layerKeys().filter((key) => image.layers.has(key)), right = ["truth", "added"].find((key) => keys.includes(key)), truth = image.layers.get(right);
    const counts = keys.map((key) => { const count = new Uint32Array(256); for (const id of image.layers.get(key)) count[id]++; return count; });
    const ids = [...Array(256).keys()].filter((id) => counts.some((count) => count[id]));
    const idName = (id) => (id === 0 ? "background" : id === IGNORE ? "open" : table.classes[id - 1]);
    const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
    const row = (kind, texts) => { const tr = document.createElement("tr"); tr.append(...texts.map((text, i) => cell(i ? kind : "th", text))); return tr; };
    const percent = (part) => `${((100 * part) / (image.w * image.h)).toFixed(1)} %`;
    $("shares").dataset.name = nameOf(image.n);
    $("shares").replaceChildren(
      row("th", ["", ...ids.map(idName), ...(truth ? ["mIoU"] : [])]),
      ...keys.map((key, i) => row("td", [layerName(key), ...ids.map((id) => percent(counts[i][id])),
        ...(truth ? [key === right ? "" : miou(truth, image.layers.get(key))] : [])])),
    );
  }

  // Mean IoU over the labels that the ground truth or the mask has; 255 of the ground truth does not count.
  function miou(truth, ids) {
    const both = new Uint32Array(256), either = new Uint32Array(256);
    for (let i = 0; i < truth.length; i++) {
      if (truth[i] === IGNORE) continue;
      either[truth[i]]++;
      if (truth[i] === ids[i]) both[ids[i]]++;
      else if (ids[i] !== IGNORE) either[ids[i]]++;
    }
    const scores = [...either.keys()].filter((id) => either[id]).map((id) => both[id] / either[id]);
    return scores.length ? (scores.reduce((sum, score) => sum + score) / scores.length).toFixed(3) : "";
  }

  // ---- Threshold on the heat ----------------------------------------------------------------------------

  function cut() {
    if (!image.maps || table.threshold === null) return;
    const ids = new Uint8Array(image.w * image.h), labels = column.labels[image.n], threshold = Number($("threshold").value);
    for (let i = 0; i < ids.length; i++) {
      let best = threshold;
      for (let k = 0; k < labels.length; k++) {
        if (image.maps[k][i] > best) { best = image.maps[k][i]; ids[i] = labels[k] + 1; }
      }
    }
    image.layers.set("cut", ids);
    changed("cut");
  }

  function moveThreshold() {
    $("threshold-value").value = Number($("threshold").value).toFixed(2);
    if (!image?.layers.has("cut")) return;
    if (!shown.has("cut")) { shown.add("cut"); listLayers(); arrange(); }
    cut();
    drawSoon(drawPanes);
  }

  function takeCut() {
    if (image?.layers.has("cut") && image.layers.has("mask") && isTrain(image.n)) {
      beginStroke();
      image.layers.get("mask").set(image.layers.get("cut"));
      endStroke();
    }
  }

  // ---- Zoom, move, paint --------------------------------------------------------------------------------

  function zoom(factor, x = view.x, y = view.y) {
    const after = Math.min(Math.max(view.zoom * factor, 1), 24), kept = view.zoom / after;
    view = { zoom: after, x: x + (view.x - x) * kept, y: y + (view.y - y) * kept };
    if (after === 1) view = { zoom: 1, x: 0.5, y: 0.5 };
    drawSoon(drawPanes);
  }

  function pixelAt(event, canvas) {
    const box = canvas.getBoundingClientRect(), { fit, left, top } = place(canvas);
    return [(event.clientX - box.left - left) / fit, (event.clientY - box.top - top) / fit];
  }

  function press(event, canvas) {
    if (event.button !== 0 || !image) return;
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = pixelAt(event, canvas), box = canvas.getBoundingClientRect();
    const onEdge = $("swipe").checked && Math.abs(event.clientX - box.left - Number($("edge").value) * box.width) < 14;
    cross = null;
    if (onEdge) stroke = { edge: true };
    else if (tool() === "move" || !canPaint()) stroke = { from: [event.clientX, event.clientY], view };
    else paintAt(x, y);
  }

  function drag(event, canvas) {
    if (!stroke) return;
    const box = canvas.getBoundingClientRect();
    if (stroke.edge) $("edge").value = (event.clientX - box.left) / box.width;
    else if (stroke.view) {
      const { fit } = place(canvas);
      view = { ...stroke.view, x: stroke.view.x - (event.clientX - stroke.from[0]) / fit / image.w, y: stroke.view.y - (event.clientY - stroke.from[1]) / fit / image.h };
    } else line(...pixelAt(event, canvas));
    drawSoon(drawPanes);
  }

  function release() {
    if (stroke?.last) endStroke();
    stroke = null;
  }

  const canPaint = () => image && isTrain(image.n) && image.layers.has("mask");

  function paintAt(x, y) {
    beginStroke();
    if (tool() === "fill") { fillArea(Math.floor(x), Math.floor(y)); endStroke(); stroke = null; return; }
    stroke = { last: [x, y] };
    line(x, y);
    drawSoon(drawPanes);
  }

  function beginStroke() {
    const before = drafts.get(image.n);
    remember({ n: image.n, decision: decided.get(nameOf(image.n)) ?? null, ids: before ? before.slice() : null });
    if (!before) drafts.set(image.n, image.original.slice());
    image.layers.set("mask", drafts.get(image.n));
  }

  function endStroke() {
    changed("mask");
    mark(image.n, "painted");
    listLayers();
    drawSoon(drawPanes);
    clearTimeout(endStroke.timer);
    endStroke.timer = setTimeout(send, 1000);
  }

  function line(x, y) {
    const [fromX, fromY] = stroke.last, ids = image.layers.get("mask"), radius = brush();
    const id = tool() === "eraser" ? (table.background ? 0 : IGNORE) : ink();
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(1, radius / 2)));
    for (let i = 1; i <= steps; i++) disc(ids, fromX + ((x - fromX) * i) / steps, fromY + ((y - fromY) * i) / steps, radius, id);
    stroke.last = [x, y];
    changed("mask");
  }

  function disc(ids, x, y, radius, id) {
    const { w, h } = image;
    for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(h - 1, Math.ceil(y + radius)); row++) {
      const half = Math.sqrt(Math.max(0, radius * radius - (row + 0.5 - y) ** 2));
      const from = Math.max(0, Math.round(x - half)), to = Math.min(w, Math.round(x + half));
      if (to > from) ids.fill(id, row * w + from, row * w + to);
    }
  }

  // Gives the connected area of one id the class of the brush.
  function fillArea(x, y) {
    const { w, h } = image, ids = image.layers.get("mask"), id = ink(), start = y * w + x, old = ids[start];
    if (x < 0 || y < 0 || x >= w || y >= h || old === id) return;
    const stack = [start];
    while (stack.length) {
      const i = stack.pop();
      if (ids[i] !== old) continue;
      ids[i] = id;
      if (i % w) stack.push(i - 1);
      if (i % w < w - 1) stack.push(i + 1);
      if (i >= w) stack.push(i - w);
      if (i < w * (h - 1)) stack.push(i + w);
    }
  }

  function moveCross(right, down) {
    if (!image) return;
    const step = Math.max(image.w, image.h) / 50 / view.zoom, { x, y } = cross ?? { x: image.w / 2, y: image.h / 2 };
    cross = { x: Math.min(Math.max(x + right * step, 0), image.w - 1), y: Math.min(Math.max(y + down * step, 0), image.h - 1) };
    drawSoon(drawPanes);
  }

  function paintAtCross() {
    if (!cross || !canPaint() || tool() === "move") return;
    paintAt(cross.x, cross.y);
    release();
  }

  // ---- Decisions ----------------------------------------------------------------------------------------

  function remember(step) {
    history.push(step);
    if (history.length > STEPS) history.shift();
  }

  // Notes the decision on an image, to be kept; null takes it back.
  function mark(n, kind) {
    kind ? decided.set(nameOf(n), kind) : decided.delete(nameOf(n));
    const painted = kind === "painted" ? toRuns(drafts.get(n)) : null;
    records.set(n, { name: nameOf(n), decision: kind, shown: records.get(n)?.shown || image?.n === n && image.shown || "", painted });
    unsent.add(n);
    describe(current());
  }

  function decide(kind) {
    const n = current();
    if (!image || image.n !== n) return; // it is still loading
    if (kind !== "wrong-label" && !canPaint()) return say(isTrain(n) ? "This image has no mask." : "Only training images are accepted or rejected: the others score.");
    remember({ n, decision: decided.get(nameOf(n)) ?? null });
    mark(n, kind === "accepted" && drafts.has(n) ? "painted" : kind);
    times.push(Date.now() / 1000);
    say(`${nameOf(n)}: ${WORDS[decided.get(nameOf(n))]}`);
    send();
    const later = list.findIndex((other, i) => i > at && !decided.has(nameOf(other)));
    if (later >= 0) go(later);
    else drawSoon(drawPanes);
  }

  async function undo() {
    const step = history.pop();
    if (!step && image && decided.has(nameOf(image.n))) { drafts.delete(image.n); mark(image.n, null); say(`${nameOf(image.n)}: taken back`); send(); return open(); }
    if (!step) return say("There is nothing to undo.");
    if (!list.includes(step.n)) list.splice(at, 0, step.n);
    at = list.indexOf(step.n);
    await open();
    if ("ids" in step) step.ids ? drafts.set(step.n, step.ids) : drafts.delete(step.n);
    mark(step.n, step.decision === "painted" && !drafts.has(step.n) ? null : step.decision);
    times.pop();
    say(`${nameOf(step.n)}: undone`);
    send();
    await open();
  }

  function go(place) {
    if (place < 0 || place >= list.length) return;
    send();
    at = place;
    open();
  }

  function progress() {
    const train = column.name.filter((_, n) => isTrain(n)), done = train.filter((name) => decided.has(name)).length;
    const gaps = times.slice(1).map((time, i) => time - times[i]).filter((gap) => gap < PAUSE).slice(-20);
    const pace = gaps.length < 3 ? 0 : gaps.reduce((sum, gap) => sum + gap) / gaps.length;
    const minutes = Math.ceil(((train.length - done) * pace) / 60);
    const left = minutes > 90 ? `${(minutes / 60).toFixed(1)} hours` : `${minutes} minute${minutes === 1 ? "" : "s"}`;
    $("progress").max = Math.max(1, train.length);
    $("progress").value = done;
    $("pace").textContent = `${done} of ${train.length}${pace && done < train.length ? `; at this pace ${left}` : ""}`;
    $("download").hidden = SERVED || !records.size;
  }

  function say(text) { $("message").className = ""; $("message").textContent = text; }
  function complain(text) { $("message").className = "error"; $("message").textContent = text; }

  // Served: each decision goes to camseg. From disk: the browser holds them until they are downloaded.
  async function send() {
    if (!SERVED) return hold();
    if (saving) return;
    saving = true;
    for (const n of unsent) {
      unsent.delete(n);
      let answer;
      try {
        const response = await fetch("decide", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(records.get(n)) });
        answer = await response.json();
      } catch {
        unsent.add(n);
        complain(`camseg review does not answer: ${unsent.size} decision(s) are not kept. Start it again, and open its new address.`);
        setTimeout(send, 3000);
        break;
      }
      if (answer.error) {
        decided.delete(nameOf(n));
        records.delete(n);
        complain(answer.error);
        if (current() !== undefined) describe(current());
      }
    }
    saving = false;
  }

  const HELD = `camseg review ${location.pathname}`; // pages from disk share one store

  function hold() {
    try {
      if (unsent.size) localStorage.setItem(HELD, JSON.stringify([...records.values()]));
    } catch {
      complain("The browser keeps no more decisions: download them now.");
    }
  }

  function recall() {
    try {
      const numbers = new Map(column.name.map((name, n) => [name, n]));
      for (const record of JSON.parse(localStorage.getItem(HELD) ?? "[]")) {
        if (!numbers.has(record.name)) continue; // the image is gone
        records.set(numbers.get(record.name), record);
        record.decision ? decided.set(record.name, record.decision) : decided.delete(record.name);
      }
    } catch { /* another program wrote there, or the browser keeps nothing */ }
  }

  function download() {
    const content = JSON.stringify({ camseg: "decisions 1", masks: table.names.mask, decisions: [...records.values()] }, null, 1);
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([content], { type: "application/json" })), download: "decisions.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    unsent.clear();
    try { localStorage.removeItem(HELD); } catch { /* it keeps nothing */ }
    say(`${records.size} decision(s) saved. Now run: camseg review apply decisions.json`);
  }

  // ---- Controls -----------------------------------------------------------------------------------------

  const KEYS = {
    ArrowRight: () => go(at + 1), n: () => go(at + 1), ArrowLeft: () => go(at - 1), p: () => go(at - 1),
    a: () => decide("accepted"), r: () => decide("rejected"), w: () => decide("wrong-label"), u: undo,
    b: () => pick("tool", "brush"), e: () => pick("tool", "eraser"), f: () => pick("tool", "fill"), m: () => pick("tool", "move"),
    s: () => document.querySelector("input[name=size]:not(:checked)").click(),
    c: () => $("swipe").click(), t: takeCut, z: () => zoom(0), "+": () => zoom(1.4), "-": () => zoom(1 / 1.4),
    ",": () => step("threshold", -0.01), ".": () => step("threshold", 0.01), " ": paintAtCross, Escape: wall,
  };
  const SHIFTED = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

  function pick(name, value) {
    const input = document.querySelector(`input[name=${name}][value="${value}"]`);
    if (input) { input.checked = true; drawSoon(drawPanes); }
  }

  function step(id, by) {
    $(id).value = Number($(id).value) + by;
    $(id).dispatchEvent(new Event("input"));
  }

  function keyed(event) {
    const field = event.target.closest("select, input[type=search], input[type=range]");
    if ($("help").open || event.altKey || event.metaKey) return;
    if (event.ctrlKey) { if (event.key === "z") { event.preventDefault(); undo(); } return; }
    if (event.key === "?" && field?.type !== "search") return $("help").showModal();
    if (field && event.key !== "Escape") return; // it has the key itself
    const work = $("single").hidden ? onWall(event.key) : onImage(event);
    if (work) { event.preventDefault(); work(); }
  }

  function onWall(key) {
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columnsOfWall, ArrowUp: -columnsOfWall, PageDown: 4 * columnsOfWall, PageUp: -4 * columnsOfWall, Home: -Infinity, End: Infinity };
    if (key in moves) return () => choose(at + moves[key]);
    if (key === "Enter" && !["BUTTON", "SUMMARY"].includes(document.activeElement.tagName)) return open;
    return key === "u" ? undo : null;
  }

  function onImage(event) {
    const onControl = event.target.closest("button, input");
    if (event.shiftKey && event.key in SHIFTED) return () => moveCross(...SHIFTED[event.key]);
    if (event.key === " " && onControl) return null; // presses it
    if (event.key.startsWith("Arrow") && onControl?.type === "radio") return null; // chooses another one
    if (/^[0-9]$/.test(event.key)) return () => { document.querySelectorAll("input[name=ink]")[event.key]?.click(); };
    return KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  }

  function listen() {
    for (const element of document.querySelectorAll("#filter select, #filter input[type=range], #search")) element.addEventListener("input", filter);
    $("sort").addEventListener("input", () => { seed = Date.now() % 100003; });
    $("masks-on-wall").addEventListener("change", drawWall);
    $("filter").querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    $("scroll").addEventListener("scroll", () => drawSoon(drawWall), { passive: true });
    const clicks = { back: wall, previous: () => go(at - 1), next: () => go(at + 1), accept: () => decide("accepted"), reject: () => decide("rejected"),
      wrong: () => decide("wrong-label"), undo, take: takeCut, closer: () => zoom(1.4), wider: () => zoom(1 / 1.4), whole: () => zoom(0),
      download, keys: () => $("help").showModal() };
    for (const [id, work] of Object.entries(clicks)) $(id).addEventListener("click", () => work());
    $("swipe").addEventListener("change", arrange);
    for (const id of ["fade", "edge", "left", "right", "names"]) $(id).addEventListener("input", () => drawSoon(drawPanes));
    $("threshold").addEventListener("input", moveThreshold);
    $("tools").addEventListener("change", () => drawSoon(drawPanes));
    document.addEventListener("keydown", keyed);
    new ResizeObserver(() => drawSoon(drawWall)).observe($("scroll"));
    new ResizeObserver(() => drawSoon(arrange)).observe($("panes"));
    window.addEventListener("beforeunload", (event) => { if (unsent.size) event.preventDefault(); });
  }

  async function start() {
    try {
      [table] = await Promise.all([
        load("index.js", "index"),
        load("decisions.js", "decided").then((pairs) => pairs.forEach(([name, kind]) => decided.set(name, kind))),
      ]);
    } catch (error) {
      return complain(error.message);
    }
    column = table.columns;
    colours32 = new Uint32Array(256);
    table.colours.forEach(([red, green, blue], i) => { colours32[i + 1] = (255 << 24 | blue << 16 | green << 8 | red) >>> 0; });
    table.classes.forEach((name, i) => $("class").add(new Option(name, i)));
    $("class").add(new Option("background images", "none"));
    $("legend").replaceChildren(...table.classes.map((name, i) => {
      const item = document.createElement("li"), swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = css(i + 1);
      item.append(swatch, ` ${name}`);
      return item;
    }));
    $("score-label").hidden = column.score.every((score) => score === null);
    $("sort").querySelector("[value=worst]").hidden = $("score-label").hidden;
    $("threshold").value = table.threshold ?? 0.5;
    $("threshold-value").value = Number($("threshold").value).toFixed(2);
    if (!SERVED) recall();
    if (window.matchMedia("(max-width: 700px)").matches) { $("filter").open = false; for (const key of ["heat", "within", "prediction"]) shown.delete(key); }
    listen();
    filter();
    progress();
    document.documentElement.dataset.ready = "yes";
  }

  document.addEventListener("DOMContentLoaded", start);

  return {
    index: (data) => arrived("index", data),
    decided: (data) => arrived("decided", data),
    thumbs: ([first, data]) => arrived(`thumbs ${first}`, data),
    image: ([n, data]) => arrived(`image ${n}`, data),
  };
})();
