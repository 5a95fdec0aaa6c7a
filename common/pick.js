// A picture in equal parts: the part that was clicked, or that the pointer is over, is framed and sent to Python.
function render({ model, el }) {
  const [rows, columns] = [model.get("rows"), model.get("columns")];
  const frame = document.createElement("div");
  frame.style.cssText = "position: relative; max-width: 100%; cursor: crosshair; touch-action: none";
  frame.style.width = `${model.get("width")}px`;
  const picture = document.createElement("img");
  picture.src = model.get("picture");
  picture.alt = "a picture to point at";
  picture.draggable = false;
  picture.style.cssText = "display: block; width: 100%; image-rendering: pixelated";
  const mark = document.createElement("div");
  mark.style.cssText = "position: absolute; pointer-events: none; box-sizing: border-box; border: 2px solid #e69f00";
  mark.style.width = `${100 / columns}%`;
  mark.style.height = `${100 / rows}%`;
  frame.append(picture, mark);

  function place() {
    const value = model.get("value");
    mark.hidden = value.length === 0;
    mark.style.left = `${(100 * value[1]) / columns}%`;
    mark.style.top = `${(100 * value[0]) / rows}%`;
  }

  function point(event) {
    const box = picture.getBoundingClientRect();
    const row = Math.floor((rows * (event.clientY - box.top)) / box.height);
    const column = Math.floor((columns * (event.clientX - box.left)) / box.width);
    const [a, b] = model.get("value");
    if (row < 0 || column < 0 || row >= rows || column >= columns || (row === a && column === b)) return;
    model.set("value", [row, column]);
    model.save_changes();
  }

  frame.addEventListener("pointerdown", point);
  if (model.get("hover")) frame.addEventListener("pointermove", point);
  model.on("change:value", place);
  model.on("change:picture", () => { picture.src = model.get("picture"); });
  place();
  el.replaceChildren(frame);
}

export default { render };
