#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace weir::http {
namespace {

TEST(ContentCoding, theOneThatIsLikedBestAndBrotliOfEquals) {
  const std::pair<const char*, ContentCoding> cases[] = {
      {"", ContentCoding::kIdentity},
      {"gzip", ContentCoding::kGzip},
      {"br", ContentCoding::kBrotli},
      {"gzip, deflate, br", ContentCoding::kBrotli},
      {"GZIP;q=1.0,br;q=0.5", ContentCoding::kGzip},
      {"br ; q=0.999 , gzip ; q=0.5", ContentCoding::kBrotli},
      {"gzip;q=0, br;q=0", ContentCoding::kIdentity},
      {"br;q=0, *", ContentCoding::kGzip},
      {"*;q=0.1", ContentCoding::kBrotli},
      {"identity, zstd, deflate", ContentCoding::kIdentity},
      {"x-gzip", ContentCoding::kGzip},
      {"gzip;q=2", ContentCoding::kIdentity},
      {"gzip;q=0.5x", ContentCoding::kIdentity},
      {"gzip;level=9", ContentCoding::kIdentity},
      {",,gzip,,", ContentCoding::kGzip},
  };
  for (const auto& [field, coding] : cases) EXPECT_EQ(acceptedCoding(field), coding) << field;
}

TEST(ContentCoding, textIsCompressibleAndPicturesAreNot) {
  for (const char* type :
       {"text/html; charset=utf-8", "Text/CSS", "application/json", "image/svg+xml", "application/ld+json;x=y"})
    EXPECT_TRUE(isCompressible(type)) << type;
  for (const char* type : {"", "image/png", "application/octet-stream", "video/mp4", "font/woff2", "application/zip"})
    EXPECT_FALSE(isCompressible(type)) << type;
}

TEST(ContentCoding, aCodedBodyIsTheBodyAndSmaller) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "line " + std::to_string(i * i) + "\n";
  const auto body = std::as_bytes(std::span(text));
  const auto coded = encodeBody(ContentCoding::kGzip, body);
  ASSERT_GT(coded.size(), 0u);
  ASSERT_LT(coded.size(), text.size() / 2);
  std::string back(text.size(), '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(back.data());
  stream.avail_out = static_cast<uInt>(back.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  EXPECT_EQ(back, text);
  EXPECT_LT(encodeBody(ContentCoding::kBrotli, body).size(), text.size() / 2);
}

TEST(ContentCoding, whatDoesNotBecomeSmallerStays) {
  const std::string text = "short";
  for (const auto coding : {ContentCoding::kGzip, ContentCoding::kBrotli}) {
    EXPECT_TRUE(encodeBody(coding, std::as_bytes(std::span(text))).empty());
    EXPECT_TRUE(encodeBody(coding, {}).empty());
  }
}

}  // namespace
}  // namespace weir::http
