// The large application of the cold-start rows: what a grown-up Worker bundles. Everything is made at the top level, as
// applications do, and every request goes through every library, so that nothing is shaken out or left uncompiled.
import { addDays, differenceInCalendarDays, format, parseISO } from "date-fns";
import { buildSchema, graphqlSync } from "graphql";
import { Hono } from "hono";
import lodash from "lodash";
import { Marked } from "marked";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { parse, stringify } from "yaml";
import { array, email, int, object, regex, string } from "zod";

const kRoutes = 200;

const item = object({
  id: int(),
  name: string().min(1),
  email: email(),
  tags: array(string()).max(8),
  address: object({ street: string(), city: string(), zip: string().check(regex(/^\d{5}$/)) }),
});

const schema = buildSchema(`
  type Item { id: Int!, name: String!, tags: [String!]!, due: String! }
  type Query { item(id: Int!): Item, items(first: Int = 3): [Item!]! }
`);

const config = parse("title: bundle\nlimits:\n  items: 3\n  days: [1, 2, 3]\n");
const markdown = new Marked();

const makeItem = (id) => ({
  id,
  name: `item ${id}`,
  tags: lodash.uniq(["a", "b", "a"]),
  due: format(addDays(parseISO("2024-02-28"), id), "yyyy-MM-dd"),
});
const resolvers = {
  item: ({ id }) => makeItem(id),
  items: ({ first }) => lodash.range(first).map(makeItem),
};

const Page = ({ title, items }) =>
  createElement("main", null, createElement("h1", null, title),
    createElement("ul", null, items.map((each) => createElement("li", { key: each.id }, `${each.name} until ${each.due}`))));

const app = new Hono();
for (let i = 0; i < kRoutes; ++i) {
  app.get(`/api/v1/resource${i}/:id`, (c) => c.json({ resource: i, id: c.req.param("id") }));
}
app.get("/", (c) => {
  const answer = graphqlSync({ schema, source: "{ items(first: 3) { id name tags due } }", rootValue: resolvers });
  const checked = item.safeParse({ id: 1, name: "one", email: "one@example.com", tags: ["x"],
    address: { street: "Main 1", city: "Here", zip: "12345" } });
  const html = renderToString(createElement(Page, { title: config.title, items: answer.data.items }));
  const notes = markdown.parse(`# ${config.title}\n\n* ${differenceInCalendarDays(new Date(86400000 * 3), new Date(0))} days\n`);
  return c.html(`<!doctype html>${html}${notes}<pre>${stringify({ ok: checked.success, limits: config.limits })}</pre>`);
});

export default app;
