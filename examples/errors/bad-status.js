// A status that no response has.
// Answers: 500, error code: 1101
// Throws: RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.
export default {
  fetch() {
    return new Response("", { status: 42 });
  },
};
