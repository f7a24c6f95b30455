// multipart/form-data (RFC 7578) as a whole body in memory: taken apart without copying, and put together.
//
// Strict where two readers could see different parts: lines end in CRLF, what follows a boundary in a line is padding
// or the end, a part's fields are not repeated, a part has one name. Names are as browsers and their kin write them
// (https://html.spec.whatwg.org, multipart/form-data encoding): UTF-8, with %22, %0D and %0A for a quote and the line
// ends, and no escape by backslash.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace weir::http {

struct MultipartLimits {
  uint32_t partsMax = 2'048;
  uint32_t headBytesMax = 8 * 1024;  // of one part: all its fields and their line ends
  uint32_t nameBytesMax = 1'024;     // of a part, or of a file, decoded
};
static_assert(MultipartLimits{}.nameBytesMax * 3 * 2 < MultipartLimits{}.headBytesMax,
              "the two names of a part, escaped, leave room for its other fields");

struct MultipartPart {
  std::string name;
  std::optional<std::string> filename;
  std::string contentType;           // as sent, without surrounding space; empty when there was none
  std::span<const std::byte> bytes;  // borrows from the body

  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// Whether a Content-Type field names multipart/form-data, with whatever parameters.
bool isMultipartForm(std::string_view contentType);

// The boundary in such a field; the error says what is wrong with it.
base::Result<std::string> multipartBoundary(std::string_view contentType);

// The parts of a body, in order. The error says which part is wrong, and how; it holds no byte of the body.
// Linear in the body's size. Bytes before the first boundary and after the last are skipped (RFC 2046 §5.1.1).
base::Result<std::vector<MultipartPart>> parseMultipart(std::span<const std::byte> body, std::string_view boundary,
                                                        const MultipartLimits& limits = {});

// The first part of that name, or null. Borrows from `parts`.
const MultipartPart* findPart(std::span<const MultipartPart> parts, std::string_view name);

// A name that two parts have; null when all differ. Borrows from `parts`.
const MultipartPart* findRepeatedPart(std::span<const MultipartPart> parts);

// What makes a name unfit to be a path below something (a module's, an asset's); null when it is fit. One leading "./"
// is fit. Reads like "is empty", for a sentence that begins with the name.
const char* unfitPathReason(std::string_view name);

class MultipartWriter {
 public:
  // `boundary` has 1 to 70 characters that RFC 2046 allows in one, and occurs in no part: newBoundary gives such.
  explicit MultipartWriter(std::string boundary);

  // A boundary that nobody could have put into a part.
  static std::string newBoundary(base::Random& random);

  // `contentType` may be empty: no such field then. It is a field value.
  void add(std::string_view name, std::optional<std::string_view> filename, std::string_view contentType,
           std::string_view bytes);

  // The body, whole. The writer is of no use afterwards.
  [[nodiscard]] std::string finish() &&;

  // For the Content-Type field.
  [[nodiscard]] std::string contentType() const;

 private:
  std::string boundary_;
  std::string body_;
};

}  // namespace weir::http
