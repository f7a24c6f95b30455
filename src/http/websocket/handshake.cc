#include "http/websocket/handshake.h"

#include <openssl/evp.h>

#include <vector>

#include "http/codec/field_syntax.h"

namespace weir::http::websocket {
namespace {

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

// 16 bytes in base64: 22 characters and two of padding.
bool isKey(std::string_view text) {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  for (const char c : text.substr(0, 22)) {
    const bool known =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    if (!known) return false;
  }
  return true;
}

std::string joined(const HeaderList& headers, std::string_view name) {
  std::string all;
  for (const auto header : headers) {
    if (!equalsIgnoreCase(header.name, name)) continue;
    if (!all.empty()) all += ", ";
    all += header.value;
  }
  return all;
}

}  // namespace

std::string acceptKey(std::string_view key) {
  std::string salted(key);
  salted += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CHECK(EVP_Digest(salted.data(), salted.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  return base64({reinterpret_cast<const char*>(digest), size});
}

bool namesWebSocket(const HeaderList& headers) { return headers.containsToken("upgrade", kProtocol); }

base::Result<Ask, Refusal> readAsk(const RequestHead& head) {
  if (head.method != "GET") return Refusal{400, "a WebSocket is opened with GET"};
  if (head.version != Version::kHttp11 || !head.upgrade || !namesWebSocket(head.headers)) {
    return Refusal{400, "the request does not ask for a WebSocket"};
  }
  if (head.headers.count("sec-websocket-version") != 1 || head.headers.find("sec-websocket-version") != "13") {
    return Refusal{426, "the WebSocket version is not 13"};
  }
  const auto key = head.headers.find("sec-websocket-key");
  if (!key || head.headers.count("sec-websocket-key") != 1 || !isKey(*key)) {
    return Refusal{400, "Sec-WebSocket-Key is not a key"};
  }
  return Ask{*key, answerOffers(joined(head.headers, "sec-websocket-extensions"))};
}

void setAnswer(const Ask& ask, HeaderList& headers) {
  headers.set("Sec-WebSocket-Accept", acceptKey(ask.key));
  headers.remove("sec-websocket-key");
  headers.remove("sec-websocket-version");
  headers.remove("sec-websocket-extensions");
  if (ask.deflate) headers.add("Sec-WebSocket-Extensions", ask.deflate->header);
}

Offer setOffer(std::string_view key, HeaderList& headers) {
  Offer offer;
  const std::string encoded = base64(key);
  offer.accept = acceptKey(encoded);
  offer.deflate = namesDeflate(joined(headers, "sec-websocket-extensions"));
  headers.remove("sec-websocket-accept");
  headers.remove("sec-websocket-extensions");
  headers.set("Sec-WebSocket-Version", "13");
  headers.set("Sec-WebSocket-Key", encoded);
  if (offer.deflate) headers.add("Sec-WebSocket-Extensions", kDeflateOffer);
  return offer;
}

base::Result<std::optional<DeflateParameters>> readAgreement(const ResponseHead& head, const Offer& offer) {
  if (!namesWebSocket(head.headers) || !head.headers.containsToken("connection", "upgrade")) {
    return base::Error{"the server switched to another protocol than WebSocket"};
  }
  if (head.headers.count("sec-websocket-accept") != 1 || head.headers.find("sec-websocket-accept") != offer.accept) {
    return base::Error{"the server's Sec-WebSocket-Accept does not fit the key"};
  }
  const std::string extensions = joined(head.headers, "sec-websocket-extensions");
  if (!offer.deflate && !extensions.empty())
    return base::Error{"the server agreed to an extension that was not offered"};
  return readAnswer(extensions);
}

}  // namespace weir::http::websocket
