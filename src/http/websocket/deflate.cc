#include "http/websocket/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

#include "http/header_list.h"

namespace weir::http::websocket {
namespace {

constexpr size_t kExtensionsMax = 16;
constexpr size_t kParametersMax = 16;
// Level and memory of a compressor: most of the gain of the defaults for an eighth of their memory.
constexpr int kLevel = 3;
constexpr int kMemoryLevel = 5;
constexpr uint8_t kOwnWindowBits = 12;  // a smaller window than agreed is within what was agreed

struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

struct Extension {
  std::string_view name;
  std::vector<Parameter> parameters;
};

bool isTokenCharacter(char c) {
  return c > 0x20 && c < 0x7f && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
}

// RFC 6455 §9.1: 1#( token *( ";" token [ "=" ( token / quoted token ) ] ) ).
class ListReader {
 public:
  explicit ListReader(std::string_view text) : rest_(text) {}

  // Nullopt: not a list of extensions.
  std::optional<std::vector<Extension>> read() {
    std::vector<Extension> list;
    skipSpace();
    while (!rest_.empty()) {
      if (take(',')) continue;
      if (list.size() == kExtensionsMax) return std::nullopt;
      Extension& extension = list.emplace_back();
      extension.name = token();
      if (extension.name.empty()) return std::nullopt;
      while (take(';')) {
        if (extension.parameters.size() == kParametersMax) return std::nullopt;
        Parameter& parameter = extension.parameters.emplace_back();
        parameter.name = token();
        if (parameter.name.empty()) return std::nullopt;
        if (!take('=')) continue;
        const bool quoted = take('"');
        parameter.value = token();
        if (parameter.value->empty() || (quoted && !take('"'))) return std::nullopt;
      }
      if (!rest_.empty() && rest_[0] != ',') return std::nullopt;
    }
    return list;
  }

 private:
  void skipSpace() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    skipSpace();
    return true;
  }
  std::string_view token() {
    size_t size = 0;
    while (size < rest_.size() && isTokenCharacter(rest_[size])) ++size;
    const std::string_view result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    skipSpace();
    return result;
  }

  std::string_view rest_;
};

// 8 to 15 without a leading zero, or nothing.
std::optional<uint8_t> windowBitsOf(std::string_view text) {
  if (text == "8" || text == "9") return static_cast<uint8_t>(text[0] - '0');
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5')
    return static_cast<uint8_t>(10 + text[1] - '0');
  return std::nullopt;
}

// What a list of parameters says, each at most once; nullopt when it says something else.
struct Said {
  bool serverNoContextTakeover = false;
  bool clientNoContextTakeover = false;
  std::optional<uint8_t> serverWindowBits;
  bool clientWindow = false;  // client_max_window_bits is there, maybe without a value
  std::optional<uint8_t> clientWindowBits;
};

std::optional<Said> readParameters(const std::vector<Parameter>& parameters) {
  Said said;
  for (const Parameter& parameter : parameters) {
    if (equalsIgnoreCase(parameter.name, "server_no_context_takeover")) {
      if (parameter.value || std::exchange(said.serverNoContextTakeover, true)) return std::nullopt;
    } else if (equalsIgnoreCase(parameter.name, "client_no_context_takeover")) {
      if (parameter.value || std::exchange(said.clientNoContextTakeover, true)) return std::nullopt;
    } else if (equalsIgnoreCase(parameter.name, "server_max_window_bits")) {
      if (!parameter.value || said.serverWindowBits) return std::nullopt;
      said.serverWindowBits = windowBitsOf(*parameter.value);
      if (!said.serverWindowBits) return std::nullopt;
    } else if (equalsIgnoreCase(parameter.name, "client_max_window_bits")) {
      if (std::exchange(said.clientWindow, true)) return std::nullopt;
      if (!parameter.value) continue;
      said.clientWindowBits = windowBitsOf(*parameter.value);
      if (!said.clientWindowBits) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return said;
}

constexpr std::string_view kName = "permessage-deflate";

}  // namespace

bool namesDeflate(std::string_view extensions) {
  const auto list = ListReader(extensions).read();
  return list && std::any_of(list->begin(), list->end(), [](const auto& e) { return equalsIgnoreCase(e.name, kName); });
}

std::optional<DeflateAnswer> answerOffers(std::string_view offers) {
  const auto list = ListReader(offers).read();
  if (!list) return std::nullopt;
  for (const Extension& extension : *list) {
    if (!equalsIgnoreCase(extension.name, kName)) continue;
    const auto said = readParameters(extension.parameters);
    if (!said) continue;
    DeflateAnswer answer;
    answer.header = kName;
    if (said->serverNoContextTakeover) {
      answer.parameters.serverNoContextTakeover = true;
      answer.header += "; server_no_context_takeover";
    }
    if (said->clientNoContextTakeover) {
      answer.parameters.clientNoContextTakeover = true;
      answer.header += "; client_no_context_takeover";
    }
    if (said->serverWindowBits) {
      answer.parameters.serverWindowBits = *said->serverWindowBits;
      answer.header += "; server_max_window_bits=" + std::to_string(*said->serverWindowBits);
    }
    if (said->clientWindowBits) {
      answer.parameters.clientWindowBits = *said->clientWindowBits;
      answer.header += "; client_max_window_bits=" + std::to_string(*said->clientWindowBits);
    }
    return answer;
  }
  return std::nullopt;
}

base::Result<std::optional<DeflateParameters>> readAnswer(std::string_view answer) {
  const auto list = ListReader(answer).read();
  if (!list) return base::Error{"the server's Sec-WebSocket-Extensions is malformed"};
  if (list->empty()) return std::optional<DeflateParameters>();
  if (list->size() > 1 || !equalsIgnoreCase(list->front().name, kName)) {
    return base::Error{"the server agreed to an extension that was not offered"};
  }
  const auto said = readParameters(list->front().parameters);
  if (!said || (said->clientWindow && !said->clientWindowBits)) {
    return base::Error{"the server agreed to permessage-deflate with parameters that it may not set"};
  }
  DeflateParameters parameters;
  parameters.serverNoContextTakeover = said->serverNoContextTakeover;
  parameters.clientNoContextTakeover = said->clientNoContextTakeover;
  if (said->serverWindowBits) parameters.serverWindowBits = *said->serverWindowBits;
  if (said->clientWindowBits) parameters.clientWindowBits = *said->clientWindowBits;
  return std::optional(parameters);
}

void ZlibEnd::operator()(z_stream_s* stream) const {
  if (inflating) {
    inflateEnd(stream);
  } else {
    deflateEnd(stream);
  }
  delete stream;
}

void Deflater::piece(std::span<const std::byte> bytes, bool last, std::string& out) {
  CHECK(usable());
  if (!stream_) {
    stream_.reset(new z_stream_s{});
    const int bits = std::min(windowBits_, kOwnWindowBits);
    CHECK(deflateInit2(stream_.get(), kLevel, Z_DEFLATED, -bits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  z_stream& stream = *stream_;
  const size_t before = out.size();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  do {
    char buffer[4096];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    const int result = deflate(&stream, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    CHECK(result == Z_OK || result == Z_BUF_ERROR);
    out.append(buffer, sizeof buffer - stream.avail_out);
  } while (stream.avail_out == 0);
  if (!last) return;
  if (out.size() - before >= Inflater::kTail.size()) {
    out.resize(out.size() - Inflater::kTail.size());
  } else {
    out.resize(before);
    out += '\0';  // nothing to flush: an empty stored block less the tail
  }
  if (reset_) deflateReset(&stream);
}

Inflater::Step Inflater::step(std::span<const std::byte> bytes, std::span<std::byte> into) {
  if (!stream_) {
    stream_.reset(new z_stream_s{});
    // The largest window, whatever was agreed: whether zlib accepts a reference beyond a smaller one depends on how the
    // bytes were cut.
    CHECK(inflateInit2(stream_.get(), -15) == Z_OK);
  }
  z_stream& stream = *stream_;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(into.data());
  stream.avail_out = static_cast<uInt>(into.size());
  bool valid = true;
  while (valid) {
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    if (result == Z_STREAM_END) {
      // A block that says it is the last one; the message goes on behind it all the same (RFC 7692 §7.2.3.4).
      inflateReset(&stream);
      if (stream.avail_in == 0 || stream.avail_out == 0) break;
      continue;
    }
    valid = result == Z_OK || result == Z_BUF_ERROR;
    break;
  }
  return {bytes.size() - stream.avail_in, into.size() - stream.avail_out, valid};
}

void Inflater::endMessage() {
  if (reset_ && stream_) inflateReset(stream_.get());
}

}  // namespace weir::http::websocket
