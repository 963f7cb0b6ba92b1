// The documented example through the official TypeScript SDK, which takes RELACE_BASE_URL and
// RELACE_API_KEY from the environment.

import Relace from "@relace-ai/relace";

const answer = await new Relace().post("/code/embed", {
  body: { model: "relace-embed-v1", input: ["input 1", "input 2"] },
});
console.log(JSON.stringify(answer));
