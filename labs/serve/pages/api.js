// The server's own description (OpenAPI), as a page.
import { ask, element, withToken } from "/static/ask.js";

// A value of the schema's form: what a body looks like.
function example(schema, schemas) {
  if (schema.$ref) return example(schemas[schema.$ref.split("/").pop()], schemas);
  if (schema.examples) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.properties)
    return Object.fromEntries(Object.entries(schema.properties).map(([name, of]) => [name, example(of, schemas)]));
  if (schema.prefixItems) return schema.prefixItems.map((of) => example(of, schemas));
  if (schema.items) return [example(schema.items, schemas)];
  if (schema.additionalProperties) return { "…": example(schema.additionalProperties, schemas) };
  return { string: "…", number: 0.5, integer: 0 }[schema.type] ?? "…";
}

// With each list of numbers on one line.
const write = (value) => JSON.stringify(value, null, 2).replace(/\[[^[\]{}]*\]/g, (list) => list.replace(/\s+/g, " "));

function showBodies(section, title, content, schemas) {
  for (const [kind, { schema = {} }] of Object.entries(content ?? {})) {
    section.append(element("p", `${title}: ${kind}`));
    if (kind === "multipart/form-data") section.append(element("pre", "image: the picture's file"));
    else if (kind === "application/json") section.append(element("pre", write(example(schema, schemas))));
  }
}

function showPath(path, method, what, schemas) {
  const section = element("section");
  const heading = element("h2");
  heading.append(element("code", `${method.toUpperCase()} ${path}`, { class: "path" }), ` ${what.summary}`);
  section.append(heading);
  if (what.description) section.append(element("p", what.description));
  for (const one of what.parameters ?? []) section.append(element("p", `?${one.name}= ${one.description ?? ""}`));
  showBodies(section, "Send", what.requestBody?.content, schemas);
  for (const [status, answer] of Object.entries(what.responses)) {
    if (status === "422") continue; // FastAPI's form of errors, in place of which 400 is answered
    if (status === "200") showBodies(section, "Answer", answer.content, schemas);
    else section.append(element("p", `${status}: ${answer.description}`));
  }
  return section;
}

try {
  const { paths, components } = await (await ask("/openapi.json")).json();
  for (const [path, methods] of Object.entries(paths))
    for (const [method, what] of Object.entries(methods))
      document.getElementById("paths").append(showPath(path, method, what, components?.schemas ?? {}));
} catch (error) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = error.message;
  trouble.hidden = false;
}
for (const [id, href] of [["to-draw", "/draw"], ["to-schema", "/openapi.json"]]) document.getElementById(id).href = withToken(href);
