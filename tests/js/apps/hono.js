// A Hono app of the usual kind: middleware, parameters, JSON, forms, streaming, errors.
import { Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { stream } from "hono/streaming";

const app = new Hono();
app.use("*", cors());
app.use("/etag", etag());
app.get("/", (c) => c.text("Hello Hono!"));
app.get("/json/:id", (c) => c.json({ id: c.req.param("id"), q: c.req.query("q"), agent: c.req.header("user-agent") }));
app.post("/json", async (c) => c.json(await c.req.json(), 201));
app.post("/form", async (c) => {
  const body = await c.req.parseBody();
  return c.json({ name: body.name, file: await body.file?.text?.() });
});
app.get("/stream", (c) => stream(c, async (s) => {
  for (const word of ["a", "b", "c"]) await s.write(word);
}));
app.get("/etag", (c) => c.text("tagged"));
app.get("/redirect", (c) => c.redirect("/"));
app.get("/cookie", (c) => {
  c.header("set-cookie", "a=1", { append: true });
  c.header("set-cookie", "b=2", { append: true });
  return c.body(null, 204);
});
app.get("/throw", () => { throw new Error("inside"); });
app.get("/later", (c) => {
  c.executionCtx.waitUntil(scheduler.wait(1));
  return c.html("<p>later</p>");
});
app.onError((error, c) => c.text(`caught ${error.message}`, 500));
app.notFound((c) => c.text("none", 404));

export default app;
