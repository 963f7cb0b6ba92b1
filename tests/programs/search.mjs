// Ranks functions by their similarity to a query, with fetch and no retries.

const ENDPOINT = 'https://embeddings.endpoint.relace.run/v1/code/embed';

async function embed(input) {
  const response = await fetch(ENDPOINT, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${process.env.RELACE_API_KEY}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ model: 'relace-embed-v1', input }),
  });
  if (!response.ok) {
    throw new Error(`Relace answered ${response.status}: ${await response.text()}`);
  }
  const { results } = await response.json();
  return results.map((result) => result.embedding);
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const functions = ['def parse_json(text): ...', 'def send_mail(to, body): ...'];
const [query, ...vectors] = await embed(['parse a JSON string', ...functions]);
const scores = vectors.map((vector) => dot(query, vector));
console.log(functions[scores.indexOf(Math.max(...scores))]);
