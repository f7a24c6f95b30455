// respondWith() behind an await: the listener has returned by then.
// Answers: 500, error code: 1101
// Throws: InvalidStateError: Too late to call FetchEvent.respondWith().
addEventListener("fetch", (event) => {
  event.waitUntil(answer(event));
});

async function answer(event) {
  await scheduler.wait(1);
  event.respondWith(new Response("late"));
}
