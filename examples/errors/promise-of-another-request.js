// The second request settles what the first has left waiting, and is told that nobody goes on there.
// Answers: 200, done
// Logs: Warning: A promise was resolved or rejected from a different request context than the one it was created in.
// Ask: twice
let release;

export default {
  fetch() {
    if (release) release();
    else new Promise((resolve) => (release = resolve)).then(() => console.log("not heard of"));
    return new Response("done");
  },
};
