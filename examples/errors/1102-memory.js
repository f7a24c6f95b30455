// The script grew over its memory limit; its isolate takes no new request.
// Answers: 503, error code: 1102
const everything = [];

export default {
  fetch(request) {
    for (;;) everything.push(new Array(1000).fill(request.url));
  },
};
