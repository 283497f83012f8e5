// Digits on a canvas, in the page's own ink; and the weight of their strokes.

// Draw images in rows on a canvas, as wide as it is shown.
export function paint(canvas, images, { image_size: [height, width], channels }, columns, gap = 0.12) {
  const size = height * width * channels;
  const count = Math.floor(images.length / size);
  const [stepX, stepY] = [width * (1 + gap), height * (1 + gap)];
  const rows = Math.max(1, Math.ceil(count / columns));
  const shown = canvas.clientWidth || columns * width;
  const scale = (shown * devicePixelRatio) / (columns * stepX);
  canvas.width = Math.round(columns * stepX * scale);
  canvas.height = Math.round(rows * stepY * scale);
  canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const small = new OffscreenCanvas(width, height);
  const smallContext = small.getContext("2d");
  const ink = inkOf(canvas);
  for (let i = 0; i < count; i++) {
    const image = images.subarray(i * size, (i + 1) * size);
    smallContext.putImageData(pixels(image, width, height, channels, ink), 0, 0);
    const [x, y] = [(i % columns) * stepX + (gap * width) / 2, Math.floor(i / columns) * stepY + (gap * height) / 2];
    context.drawImage(small, x * scale, y * scale, width * scale, height * scale);
  }
}

// The colour of ink that the stylesheet gives an element, as red, green and blue.
export function inkOf(element) {
  return getComputedStyle(element).color.match(/\d+/g).slice(0, 3).map(Number);
}

function pixels(image, width, height, channels, [red, green, blue]) {
  const drawn = new ImageData(width, height);
  const { data } = drawn;
  const colour = channels === 3;
  for (let i = 0, at = 0; i < width * height; i++) {
    data[at++] = colour ? image[3 * i] : red;
    data[at++] = colour ? image[3 * i + 1] : green;
    data[at++] = colour ? image[3 * i + 2] : blue;
    data[at++] = colour ? 255 : image[i];
  }
  return drawn;
}

// Make the strokes of grey images heavier (up to 1) or lighter (down to -1): mixed with the brightest, or the darkest,
// of each pixel and its four neighbours.
export function weigh(images, { image_size: [height, width], channels }, amount) {
  if (!amount || channels !== 1) return images;
  const weighed = new Uint8Array(images.length);
  const pick = amount > 0 ? Math.max : Math.min;
  const share = Math.abs(amount);
  for (let start = 0; start < images.length; start += height * width) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = start + y * width + x;
        const level = images[at];
        const end = pick(
          level,
          y > 0 ? images[at - width] : 0,
          y < height - 1 ? images[at + width] : 0,
          x > 0 ? images[at - 1] : 0,
          x < width - 1 ? images[at + 1] : 0,
        );
        weighed[at] = Math.round(level + share * (end - level));
      }
    }
  }
  return weighed;
}

// Paint again whenever the canvas gets another width, or the page another theme; not once it is taken off the page.
export function repaint(canvas, again) {
  let width = canvas.clientWidth;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width || !canvas.clientWidth) return;
    width = canvas.clientWidth;
    again();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => canvas.isConnected && again());
}
