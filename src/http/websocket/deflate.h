// permessage-deflate (RFC 7692): what the two ends agree on, and the two directions of it. Memory of one direction is
// taken when its first compressed message comes: about 45 KB to inflate, 40 KB to deflate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct z_stream_s;

namespace weir::http::websocket {

struct DeflateParameters {
  bool serverNoContextTakeover = false;
  bool clientNoContextTakeover = false;
  uint8_t serverWindowBits = 15;
  uint8_t clientWindowBits = 15;
  bool operator==(const DeflateParameters&) const = default;
};

struct DeflateAnswer {
  DeflateParameters parameters;
  std::string header;  // value of Sec-WebSocket-Extensions
};

// The server's side: takes the first offer of permessage-deflate that can be kept to. Nullopt: none; the connection
// goes on without. `offers` is the value of Sec-WebSocket-Extensions, several fields joined with commas.
std::optional<DeflateAnswer> answerOffers(std::string_view offers);

// The client's side: what we offer, and what the server made of it. An empty answer means none of it; an answer that
// does not fit the offer is an error, after which the connection must be failed (RFC 7692 §5.1).
inline constexpr std::string_view kDeflateOffer = "permessage-deflate; client_max_window_bits";
base::Result<std::optional<DeflateParameters>> readAnswer(std::string_view answer);

// Whether a list of offers or an answer names permessage-deflate.
bool namesDeflate(std::string_view extensions);

// A raw zlib stream, either way; freed with its owner.
struct ZlibEnd {
  bool inflating;
  void operator()(z_stream_s* stream) const;
};
using ZlibStream = std::unique_ptr<z_stream_s, ZlibEnd>;

class Deflater {
 public:
  Deflater(uint8_t windowBits, bool noContextTakeover) : windowBits_(windowBits), reset_(noContextTakeover) {}

  // zlib cannot keep to the smallest window; messages are then sent as they are, which is always allowed.
  bool usable() const { return windowBits_ >= 9; }
  // Appends the next piece of a message, compressed; `last` ends it.
  void piece(std::span<const std::byte> bytes, bool last, std::string& out);

 private:
  uint8_t windowBits_;
  bool reset_;
  ZlibStream stream_{nullptr, ZlibEnd{false}};
};

class Inflater {
 public:
  // What ends each message but is not sent (RFC 7692 §7.2.1).
  static constexpr std::string_view kTail{"\x00\x00\xff\xff", 4};

  explicit Inflater(bool noContextTakeover) : reset_(noContextTakeover) {}

  struct Step {
    size_t consumed;
    size_t produced;
    bool valid;
  };
  // Inflates as much of `bytes` as fits in `into`. When that was filled, there may be more without further input.
  Step step(std::span<const std::byte> bytes, std::span<std::byte> into);
  // The message is over, its tail included.
  void endMessage();

 private:
  bool reset_;
  ZlibStream stream_{nullptr, ZlibEnd{true}};
};

}  // namespace weir::http::websocket
