// A square to draw on, white on black as MNIST's digits are. After each stroke `value` is the picture as a PNG data URL.
function render({ model, el }) {
  const side = model.get("side");
  const title = document.createElement("div");
  title.textContent = model.get("label");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  canvas.style.cssText = "display: block; touch-action: none; cursor: crosshair; border: 1px solid gray";
  canvas.setAttribute("aria-label", model.get("label"));
  const clear = document.createElement("button");
  clear.textContent = "clear";
  clear.style.cssText = "margin-top: 4px; padding: 0 0.6em; border: 1px solid gray; border-radius: 4px; cursor: pointer";
  el.append(title, canvas, clear);

  const pen = canvas.getContext("2d");
  const wipe = () => {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, side, side);
  };
  const send = (value) => {
    model.set("value", value);
    model.save_changes();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * side) / box.width, ((event.clientY - box.top) * side) / box.height];
  };

  wipe();
  pen.strokeStyle = "white";
  pen.lineWidth = side / 14;
  pen.lineCap = pen.lineJoin = "round";
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...place(event));
    pen.lineTo(...place(event));
    pen.stroke();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    pen.lineTo(...place(event));
    pen.stroke();
  });
  canvas.addEventListener("pointerup", () => send(canvas.toDataURL("image/png")));
  clear.addEventListener("click", () => {
    wipe();
    send("");
  });
}
export default { render };
