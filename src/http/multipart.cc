#include "http/multipart.h"

#include <string.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/hex.h"
#include "base/json_text.h"
#include "http/codec/field_syntax.h"
#include "http/header_list.h"

namespace weir::http {
namespace {

constexpr size_t kBoundaryBytesMax = 70;
constexpr std::string_view kFormType = "multipart/form-data";

bool isSpace(char c) { return c == ' ' || c == '\t'; }

// Linear in `text`, whatever stands in it.
size_t findFrom(std::string_view text, std::string_view needle, size_t from) {
  const void* found = ::memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  return found == nullptr ? std::string_view::npos : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

// RFC 2046 §5.1.1: bchars, the last one no space.
bool isBoundary(std::string_view text) {
  if (text.empty() || text.size() > kBoundaryBytesMax || text.back() == ' ') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
}

// A field value of the form `word; name=value; name="value"`, read from left to right.
class Parameters {
 public:
  explicit Parameters(std::string_view field) {
    const size_t end = std::min(field.find(';'), field.size());
    word_ = trimmed(field.substr(0, end));
    rest_ = field.substr(end);
  }

  struct Parameter {
    std::string_view name;
    std::string_view value;  // what stands between the quotes, or the bare word
  };

  std::string_view word() const { return word_; }
  bool malformed() const { return malformed_; }

  // The next parameter, or nullopt at the end and where the text is malformed.
  std::optional<Parameter> next() {
    while (!rest_.empty()) {
      rest_.remove_prefix(1);  // the semicolon
      rest_ = trimmed(rest_);
      if (rest_.empty() || rest_.front() == ';') continue;
      const size_t equals = rest_.find_first_of("=;");
      if (equals == std::string_view::npos || rest_[equals] == ';') return fail();
      Parameter parameter{rest_.substr(0, equals), {}};
      rest_.remove_prefix(equals + 1);
      if (!isToken(parameter.name)) return fail();
      const bool quoted = !rest_.empty() && rest_.front() == '"';
      if (quoted) {
        const size_t close = rest_.find('"', 1);
        if (close == std::string_view::npos) return fail();
        parameter.value = rest_.substr(1, close - 1);
        rest_ = trimmed(rest_.substr(close + 1));
        if (!rest_.empty() && rest_.front() != ';') return fail();
      } else {
        const size_t end = std::min(rest_.find(';'), rest_.size());
        parameter.value = trimmed(rest_.substr(0, end));
        rest_ = rest_.substr(end);
        if (!isToken(parameter.value)) return fail();
      }
      return parameter;
    }
    return std::nullopt;
  }

 private:
  std::optional<Parameter> fail() {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }

  std::string_view word_;
  std::string_view rest_;  // empty, or from the next semicolon on
  bool malformed_ = false;
};

// The escapes that browsers use in names, and no others.
std::string unescapedName(std::string_view text) {
  std::string name;
  name.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view three = text.substr(at, 3);
    if (equalsIgnoreCase(three, "%22")) {
      name += '"';
    } else if (equalsIgnoreCase(three, "%0d")) {
      name += '\r';
    } else if (equalsIgnoreCase(three, "%0a")) {
      name += '\n';
    } else {
      name += text[at];
      continue;
    }
    at += 2;
  }
  return name;
}

void appendEscapedName(std::string& out, std::string_view name) {
  for (const char c : name) {
    switch (c) {
      case '"': out += "%22"; break;
      case '\r': out += "%0D"; break;
      case '\n': out += "%0A"; break;
      default: out += c;
    }
  }
}

// The fields of one part, read line by line.
class PartHead {
 public:
  explicit PartHead(const MultipartLimits& limits) : limits_(limits) {}

  // Null, or what is wrong.
  const char* takeLine(std::string_view line) {
    if (line.find('\0') != std::string_view::npos) return "has a NUL among its fields";
    const auto field = parseFieldLine(line);
    if (!field) return "has a line among its fields that is none";
    if (equalsIgnoreCase(field->name, "content-disposition")) return takeDisposition(field->value);
    if (equalsIgnoreCase(field->name, "content-type")) {
      if (sawType_) return "has two Content-Type fields";
      sawType_ = true;
      type_ = field->value;
    } else if (equalsIgnoreCase(field->name, "content-transfer-encoding")) {
      // RFC 7578 §4.7: not used in forms; only what means "as it is" can be read as it is.
      if (!equalsIgnoreCase(field->value, "binary") && !equalsIgnoreCase(field->value, "8bit") &&
          !equalsIgnoreCase(field->value, "7bit"))
        return "has a Content-Transfer-Encoding";
    }
    return nullptr;
  }

  const char* finish(MultipartPart& part) {
    if (!name_) return "has no Content-Disposition";
    part.name = std::move(*name_);
    part.filename = std::move(filename_);
    part.contentType = type_;
    return nullptr;
  }

 private:
  const char* takeDisposition(std::string_view value) {
    if (name_) return "has two Content-Disposition fields";
    Parameters parameters(value);
    if (!equalsIgnoreCase(parameters.word(), "form-data")) return "has a Content-Disposition that is not form-data";
    while (const auto parameter = parameters.next()) {
      // "filename*" is not used in forms (RFC 7578 §4.2), and a part is known by its name.
      const bool isName = equalsIgnoreCase(parameter->name, "name");
      if (!isName && !equalsIgnoreCase(parameter->name, "filename")) continue;
      auto& slot = isName ? name_ : filename_;
      if (slot) return isName ? "has two names" : "has two file names";
      slot = unescapedName(parameter->value);
      if (slot->size() > limits_.nameBytesMax)
        return isName ? "has a name that is too long" : "has a file name that is too long";
    }
    if (parameters.malformed()) return "has a malformed Content-Disposition";
    return name_ ? nullptr : "has no name";
  }

  const MultipartLimits& limits_;
  std::optional<std::string> name_;
  std::optional<std::string> filename_;
  std::string_view type_;
  bool sawType_ = false;
};

}  // namespace

bool isMultipartForm(std::string_view contentType) {
  return equalsIgnoreCase(Parameters(contentType).word(), kFormType);
}

base::Result<std::string> multipartBoundary(std::string_view contentType) {
  Parameters parameters(contentType);
  if (!equalsIgnoreCase(parameters.word(), kFormType))
    return base::Error{"the content type is not multipart/form-data"};
  std::optional<std::string_view> boundary;
  while (const auto parameter = parameters.next()) {
    if (!equalsIgnoreCase(parameter->name, "boundary")) continue;
    if (boundary) return base::Error{"the content type names two boundaries"};
    boundary = parameter->value;
  }
  if (parameters.malformed()) return base::Error{"the content type has a malformed parameter"};
  if (!boundary) return base::Error{"the content type names no boundary"};
  if (!isBoundary(*boundary))
    return base::Error{"the content type's boundary is not 1 to 70 characters of those allowed"};
  return std::string(*boundary);
}

base::Result<std::vector<MultipartPart>> parseMultipart(std::span<const std::byte> body, std::string_view boundary,
                                                        const MultipartLimits& limits) {
  CHECK(isBoundary(boundary));
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  const std::string delimiter = "\r\n--" + std::string(boundary);
  const std::string_view opening = std::string_view(delimiter).substr(2);

  std::vector<MultipartPart> parts;
  const auto refuse = [&](const char* what) {
    return base::Error{"part " + std::to_string(parts.size() + 1) + " " + what};
  };

  size_t at;
  if (text.starts_with(opening)) {
    at = opening.size();
  } else {
    at = findFrom(text, delimiter, 0);
    if (at == std::string_view::npos) return base::Error{"the body holds no boundary line"};
    at += delimiter.size();
  }
  for (;;) {
    // The rest of a boundary line.
    if (text.substr(at).starts_with("--")) {
      at += 2;
      while (at < text.size() && isSpace(text[at])) ++at;
      if (at < text.size() && !text.substr(at).starts_with("\r\n"))
        return base::Error{"the last boundary line goes on with something else"};
      return parts;
    }
    while (at < text.size() && isSpace(text[at])) ++at;
    if (!text.substr(at).starts_with("\r\n")) {
      if (text.size() - at < 2) return base::Error{"the body ends in a boundary line"};
      return refuse("has a boundary line before it that goes on with something else");
    }
    at += 2;
    if (parts.size() >= limits.partsMax)
      return base::Error{"the body has more than " + std::to_string(limits.partsMax) + " parts"};

    PartHead head(limits);
    const std::string_view room = text.substr(at, limits.headBytesMax);
    size_t used = 0;
    for (;;) {
      const size_t end = room.find("\r\n", used);
      if (end == std::string_view::npos)
        return refuse(room.size() < limits.headBytesMax ? "ends among its fields" : "has too many bytes of fields");
      const std::string_view line = room.substr(used, end - used);
      used = end + 2;
      if (line.empty()) break;
      if (const char* wrong = head.takeLine(line)) return refuse(wrong);
    }
    at += used;
    MultipartPart part;
    if (const char* wrong = head.finish(part)) return refuse(wrong);
    // A part without bytes may have its boundary line where they would begin: the line end before it is then that of
    // the empty line.
    const size_t end = findFrom(text, delimiter, at - 2);
    if (end == std::string_view::npos) return refuse("does not end with a boundary line");
    if (end >= at) part.bytes = body.subspan(at, end - at);
    parts.push_back(std::move(part));
    at = end + delimiter.size();
  }
}

const MultipartPart* findPart(std::span<const MultipartPart> parts, std::string_view name) {
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const MultipartPart& part) { return part.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

const MultipartPart* findRepeatedPart(std::span<const MultipartPart> parts) {
  std::vector<const MultipartPart*> byName;
  byName.reserve(parts.size());
  for (const MultipartPart& part : parts) byName.push_back(&part);
  std::sort(byName.begin(), byName.end(),
            [](const MultipartPart* a, const MultipartPart* b) { return a->name < b->name; });
  const auto found = std::adjacent_find(
      byName.begin(), byName.end(), [](const MultipartPart* a, const MultipartPart* b) { return a->name == b->name; });
  return found == byName.end() ? nullptr : *found;
}

const char* unfitPathReason(std::string_view name) {
  if (name.empty()) return "is empty";
  for (std::string_view rest = name; !rest.empty();) {
    const size_t size = base::utf8SequenceBytes(rest);
    if (size == 0) return "is not UTF-8";
    const auto byte = static_cast<unsigned char>(rest.front());
    if (byte == 0) return "holds a NUL";
    if (byte < 0x20 || byte == 0x7f) return "holds a control character";
    if (byte == '\\') return "holds a backslash";
    rest.remove_prefix(size);
  }
  if (name.starts_with("./")) name.remove_prefix(2);
  for (size_t at = 0;;) {
    const size_t slash = name.find('/', at);
    const std::string_view segment = name.substr(at, slash == std::string_view::npos ? slash : slash - at);
    if (segment.empty()) return at == 0 && slash == 0 ? "begins with a slash" : "holds an empty folder or file name";
    if (segment == "." || segment == "..") return "holds a folder or file named by dots alone";
    if (slash == std::string_view::npos) return nullptr;
    at = slash + 1;
  }
}

MultipartWriter::MultipartWriter(std::string boundary) : boundary_(std::move(boundary)) {
  CHECK(isBoundary(boundary_));
}

std::string MultipartWriter::newBoundary(base::Random& random) {
  std::array<uint8_t, 16> bytes;
  random.fill(std::as_writable_bytes(std::span(bytes)));
  return "----weir-" + base::hexOf(bytes);
}

void MultipartWriter::add(std::string_view name, std::optional<std::string_view> filename, std::string_view contentType,
                          std::string_view bytes) {
  CHECK(isFieldValue(contentType));
  body_ += "--";
  body_ += boundary_;
  body_ += "\r\nContent-Disposition: form-data; name=\"";
  appendEscapedName(body_, name);
  body_ += '"';
  if (filename) {
    body_ += "; filename=\"";
    appendEscapedName(body_, *filename);
    body_ += '"';
  }
  body_ += "\r\n";
  if (!contentType.empty()) {
    body_ += "Content-Type: ";
    body_ += contentType;
    body_ += "\r\n";
  }
  body_ += "\r\n";
  body_ += bytes;
  body_ += "\r\n";
}

std::string MultipartWriter::finish() && {
  body_ += "--";
  body_ += boundary_;
  body_ += "--\r\n";
  return std::move(body_);
}

std::string MultipartWriter::contentType() const {
  const char* quote = isToken(boundary_) ? "" : "\"";
  return std::string(kFormType) + "; boundary=" + quote + boundary_ + quote;
}

}  // namespace weir::http
