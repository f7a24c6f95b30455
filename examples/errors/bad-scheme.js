// A scheme that fetch() does not speak.
// Answers: 500, error code: 1101
// Throws: TypeError: Fetch API cannot load: ftp://ftp.example.com/
export default {
  fetch() {
    return fetch("ftp://ftp.example.com/");
  },
};
