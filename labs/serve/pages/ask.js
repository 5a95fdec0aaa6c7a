// Asks the server this page came from. The token, if there is one, is the part of the page's address behind #: it is not sent with the page.
const token = new URLSearchParams(location.hash.slice(1)).get("token");

export async function ask(path, body, kind) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (kind) headers["Content-Type"] = kind;
  const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
    throw new Error(said.error);
  }
  return answer;
}

export const askJson = async (path, value) => (await ask(path, JSON.stringify(value), "application/json")).json();

// A link to another page of the server, with the token.
export const withToken = (href) => href + location.hash;

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
