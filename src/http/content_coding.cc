#include "http/content_coding.h"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

#include "base/check.h"

namespace weir::http {

namespace {

// Coded once and sent many times, yet by a thread that others wait for: a middle way.
constexpr int kGzipLevel = 6;
constexpr int kBrotliQuality = 5;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to say gzip

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// In thousandths; nullopt: it is none.
std::optional<int> qualityOf(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int value = (text[0] - '0') * 1000;
  int unit = 100;
  for (const char c : text.substr(std::min<size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return std::nullopt;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value <= 1000 ? std::optional(value) : std::nullopt;
}

std::vector<std::byte> gzip(std::span<const std::byte> body) {
  z_stream stream{};
  CHECK(deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::vector<std::byte> out(body.size());
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

std::vector<std::byte> brotli(std::span<const std::byte> body) {
  std::vector<std::byte> out(body.size());
  size_t size = out.size();
  const bool whole = BrotliEncoderCompress(kBrotliQuality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, body.size(),
                                           reinterpret_cast<const uint8_t*>(body.data()), &size,
                                           reinterpret_cast<uint8_t*>(out.data())) == BROTLI_TRUE;
  out.resize(whole ? size : 0);
  return out;
}

}  // namespace

std::string_view nameOf(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::kIdentity: break;
    case ContentCoding::kGzip: return "gzip";
    case ContentCoding::kBrotli: return "br";
  }
  return {};
}

ContentCoding acceptedCoding(std::string_view acceptEncoding) {
  std::optional<int> gzip;
  std::optional<int> brotli;
  std::optional<int> others;
  while (!acceptEncoding.empty()) {
    const size_t comma = acceptEncoding.find(',');
    const std::string_view one = acceptEncoding.substr(0, comma);
    acceptEncoding.remove_prefix(comma == std::string_view::npos ? acceptEncoding.size() : comma + 1);
    const size_t semicolon = one.find(';');
    const std::string name = lowered(trimmed(one.substr(0, semicolon)));
    std::optional<int> quality = 1000;
    if (semicolon != std::string_view::npos) {
      const std::string_view weight = trimmed(one.substr(semicolon + 1));
      const bool isWeight = weight.starts_with("q=") || weight.starts_with("Q=");
      quality = isWeight ? qualityOf(weight.substr(2)) : std::nullopt;
    }
    if (!quality) return ContentCoding::kIdentity;
    if (name == "gzip" || name == "x-gzip") gzip = quality;
    else if (name == "br") brotli = quality;
    else if (name == "*") others = quality;
  }
  const int gzipQuality = gzip.value_or(others.value_or(0));
  const int brotliQuality = brotli.value_or(others.value_or(0));
  if (gzipQuality == 0 && brotliQuality == 0) return ContentCoding::kIdentity;
  return brotliQuality >= gzipQuality ? ContentCoding::kBrotli : ContentCoding::kGzip;
}

bool isCompressible(std::string_view contentType) {
  static constexpr std::string_view kTypes[] = {
      "application/javascript",
      "application/json",
      "application/manifest+json",
      "application/xml",
      "application/wasm",
      "application/vnd.ms-fontobject",
      "font/ttf",
      "font/otf",
      "image/bmp",
      "image/x-icon",
      "image/vnd.microsoft.icon",
      "application/x-javascript",
  };
  const std::string type = lowered(trimmed(contentType.substr(0, contentType.find(';'))));
  return type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml") ||
         std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

std::vector<std::byte> encodeBody(ContentCoding coding, std::span<const std::byte> body) {
  CHECK(coding != ContentCoding::kIdentity);
  if (body.empty()) return {};
  auto coded = coding == ContentCoding::kGzip ? gzip(body) : brotli(body);
  if (coded.size() >= body.size()) coded.clear();
  return coded;
}

}  // namespace weir::http
