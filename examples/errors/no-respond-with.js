// A listener that keeps the request and does not answer it.
// Answers: 500, error code: 1101
// Throws: Error: preventDefault() called but respondWith() not called
addEventListener("fetch", (event) => {
  event.preventDefault();
});
