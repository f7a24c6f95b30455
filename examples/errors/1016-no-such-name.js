// fetch() of a name that does not resolve.
// Answers: 530, error code: 1016
export default {
  fetch(request) {
    return fetch("http://nowhere.invalid/");
  },
};
