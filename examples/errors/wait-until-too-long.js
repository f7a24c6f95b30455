// Work behind the response that takes longer than it may; the limit of this example is a tenth of a second.
// Answers: 200, sent
// Logs: waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled.
export default {
  fetch(request, env, ctx) {
    ctx.waitUntil(scheduler.wait(3_600_000));
    return new Response("sent");
  },
};
