// An itty-router app: the other small router of the field.
import { AutoRouter, error, json } from "itty-router";

const router = AutoRouter();
router
  .get("/hello/:name?", ({ name = "World" }) => `Hello, ${name}!`)
  .get("/query", ({ query }) => query)
  .post("/echo", async (request) => json(await request.json()))
  .get("/error", () => error(418, "teapot"))
  .get("/throw", () => { throw new Error("inside"); });

export default { ...router };
