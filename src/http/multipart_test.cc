#include "http/multipart.h"

#include <gtest/gtest.h>

#include "base/byte_text.h"

namespace weir::http {
namespace {

auto parse(std::string_view body, const MultipartLimits& limits = {}) {
  return parseMultipart(base::asBytes(body), "B", limits);
}

std::string errorOf(std::string_view body, const MultipartLimits& limits = {}) {
  const auto parts = parse(body, limits);
  return parts.ok() ? "" : parts.error().message;
}

// One part whose head is `fields` (each with its line end).
std::string formOf(std::string_view fields, std::string_view bytes = "x") {
  return "--B\r\n" + std::string(fields) + "\r\n" + std::string(bytes) + "\r\n--B--\r\n";
}

const std::string kNamed = "Content-Disposition: form-data; name=\"n\"\r\n";

class CountingRandom final : public base::Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(next_++);
  }

 private:
  uint8_t next_ = 0;
};

TEST(Multipart, partsOfAScriptUpload) {
  const std::string body =
      "--B\r\n"
      "Content-Disposition: form-data; name=\"metadata\"\r\n"
      "\r\n"
      "{\"main_module\":\"index.js\"}\r\n"
      "--B\r\n"
      "Content-Disposition: form-data; name=\"./lib/\xc3\xa4 b.js\"; filename=\"index.js\"\r\n"
      "Content-Type: application/javascript+module\r\n"
      "\r\n"
      "export default {\r\n--Bogus\r\n}\r\n\r\n"
      "--B--\r\n";
  const auto refused = parse(body);
  EXPECT_FALSE(refused.ok());  // "--Bogus" begins like a boundary line: two readers could differ

  std::string mended = body;
  mended.replace(mended.find("--Bogus"), 7, "-- Bogus");
  const auto parts = parse(mended);
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].name, "metadata");
  EXPECT_EQ((*parts)[0].filename, std::nullopt);
  EXPECT_EQ((*parts)[0].contentType, "");
  EXPECT_EQ((*parts)[0].text(), "{\"main_module\":\"index.js\"}");
  EXPECT_EQ((*parts)[1].name, "./lib/\xc3\xa4 b.js");
  EXPECT_EQ((*parts)[1].filename, "index.js");
  EXPECT_EQ((*parts)[1].contentType, "application/javascript+module");
  EXPECT_EQ((*parts)[1].text(), "export default {\r\n-- Bogus\r\n}\r\n");
  EXPECT_EQ(findPart(*parts, "metadata"), &(*parts)[0]);
  EXPECT_EQ(findPart(*parts, "Metadata"), nullptr);
  EXPECT_EQ(findRepeatedPart(*parts), nullptr);
}

TEST(Multipart, bytesAreThoseOfTheBody) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string body = formOf(kNamed, all);
  const auto parts = parse(body);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ((*parts)[0].text(), all);
  EXPECT_EQ(reinterpret_cast<const char*>((*parts)[0].bytes.data()), body.data() + body.find(all));
}

TEST(Multipart, preambleEpiloguePaddingAndEmptyParts) {
  const auto parts =
      parse("preamble --B\r\n--B \t\r\n" + kNamed + "\r\n\r\n--B\r\n" + kNamed + "\r\n--B-- \r\nepilogue\r\n--B\r\n");
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_TRUE((*parts)[0].bytes.empty());
  EXPECT_TRUE((*parts)[1].bytes.empty());
  ASSERT_NE(findRepeatedPart(*parts), nullptr);
  EXPECT_EQ(findRepeatedPart(*parts)->name, "n");

  ASSERT_TRUE(parse("--B--").ok());
  EXPECT_TRUE(parse("--B--")->empty());
}

TEST(Multipart, namesAreReadAsBrowsersWriteThem) {
  const struct {
    const char* parameters;
    const char* name;
  } kCases[] = {
      {"name=plain", "plain"},
      {"NAME=\"a;b=c\" ; other=\"z\";", "a;b=c"},
      {"name=\"a%22b%0d%0Ac%20%\"", "a\"b\r\nc%20%"},
      {"name=\"a\\b\"", "a\\b"},
      {"filename=\"f\"; name=\"\"", ""},
      {"filename*=UTF-8''x; name=\"n\"", "n"},
  };
  for (const auto& one : kCases) {
    const std::string body = formOf("content-disposition:Form-Data; " + std::string(one.parameters) + "\r\n");
    const auto parts = parse(body);
    ASSERT_TRUE(parts.ok()) << one.parameters << ": " << parts.error().message;
    EXPECT_EQ((*parts)[0].name, one.name);
  }
}

TEST(Multipart, refusalsSayWhichPartAndWhy) {
  EXPECT_EQ(errorOf(""), "the body holds no boundary line");
  EXPECT_EQ(errorOf("--C\r\n"), "the body holds no boundary line");
  EXPECT_EQ(errorOf("x--B\r\n"), "the body holds no boundary line");
  EXPECT_EQ(errorOf("--B"), "the body ends in a boundary line");
  EXPECT_EQ(errorOf("--B\r"), "the body ends in a boundary line");
  EXPECT_EQ(errorOf("--B--x"), "the last boundary line goes on with something else");
  EXPECT_EQ(errorOf("--B\n" + kNamed), "part 1 has a boundary line before it that goes on with something else");
  EXPECT_EQ(errorOf("--B\r\n"), "part 1 ends among its fields");
  EXPECT_EQ(errorOf("--B\r\n" + kNamed), "part 1 ends among its fields");
  EXPECT_EQ(errorOf("--B\r\n" + kNamed + "\r\nx\n--B--"), "part 1 does not end with a boundary line");
  EXPECT_EQ(errorOf(formOf("")), "part 1 has no Content-Disposition");
  EXPECT_EQ(errorOf(formOf("Content-Type: a/b\r\n")), "part 1 has no Content-Disposition");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: attachment; name=\"n\"\r\n")),
            "part 1 has a Content-Disposition that is not form-data");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data\r\n")), "part 1 has no name");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n")), "part 1 has two names");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name=\"a\\\"b\"\r\n")),
            "part 1 has a malformed Content-Disposition");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name=\"a\r\n")),
            "part 1 has a malformed Content-Disposition");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name\r\n")), "part 1 has a malformed Content-Disposition");
  EXPECT_EQ(errorOf(formOf(kNamed + kNamed)), "part 1 has two Content-Disposition fields");
  EXPECT_EQ(errorOf(formOf(kNamed + "Content-Type: a/b\r\ncontent-type: a/b\r\n")),
            "part 1 has two Content-Type fields");
  EXPECT_EQ(errorOf(formOf(kNamed + "Content-Transfer-Encoding: base64\r\n")),
            "part 1 has a Content-Transfer-Encoding");
  EXPECT_EQ(errorOf(formOf(kNamed + " folded\r\n")), "part 1 has a line among its fields that is none");
  EXPECT_EQ(errorOf(formOf(std::string("Content-Disposition: form-data; name=\"a\0b\"\r\n", 45))),
            "part 1 has a NUL among its fields");
  const std::string first = "--B\r\n" + kNamed + "\r\nx\r\n";
  EXPECT_EQ(errorOf(first + formOf("")), "part 2 has no Content-Disposition");
}

TEST(Multipart, boundsHold) {
  const MultipartLimits limits{.partsMax = 2, .headBytesMax = 64, .nameBytesMax = 4};
  const std::string part = "--B\r\n" + kNamed + "\r\nx\r\n";
  EXPECT_EQ(errorOf(part + part + "--B--", limits), "");
  EXPECT_EQ(errorOf(part + part + part + "--B--", limits), "the body has more than 2 parts");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name=\"1234\"\r\n"), limits), "");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; name=\"12345\"\r\n"), limits),
            "part 1 has a name that is too long");
  EXPECT_EQ(errorOf(formOf("Content-Disposition: form-data; filename=\"12345\"\r\n"), limits),
            "part 1 has a file name that is too long");
  // 42 bytes, and 20 more, are 64 with the empty line.
  EXPECT_EQ(errorOf(formOf(kNamed + "X: " + std::string(15, 'y') + "\r\n"), limits), "");
  EXPECT_EQ(errorOf(formOf(kNamed + "X: " + std::string(16, 'y') + "\r\n"), limits),
            "part 1 has too many bytes of fields");
}

TEST(Multipart, boundaryOfAContentType) {
  EXPECT_TRUE(isMultipartForm("multipart/form-data"));
  EXPECT_TRUE(isMultipartForm("Multipart/Form-Data ;boundary=x"));
  EXPECT_FALSE(isMultipartForm("multipart/form-data2"));
  EXPECT_FALSE(isMultipartForm("application/json"));
  EXPECT_EQ(*multipartBoundary("multipart/form-data; boundary=----formdata-undici-012345678901"),
            "----formdata-undici-012345678901");
  EXPECT_EQ(*multipartBoundary("multipart/form-data; charset=utf-8; BOUNDARY=\"a b=:?\""), "a b=:?");
  const struct {
    const char* field;
    const char* error;
  } kCases[] = {
      {"text/plain; boundary=x", "the content type is not multipart/form-data"},
      {"multipart/form-data", "the content type names no boundary"},
      {"multipart/form-data; boundary=x; boundary=y", "the content type names two boundaries"},
      {"multipart/form-data; boundary=", "the content type has a malformed parameter"},
      {"multipart/form-data; boundary=\"x", "the content type has a malformed parameter"},
      {"multipart/form-data; boundary=\"\"", "the content type's boundary is not 1 to 70 characters of those allowed"},
      {"multipart/form-data; boundary=\"x \"",
       "the content type's boundary is not 1 to 70 characters of those allowed"},
      {"multipart/form-data; boundary=x*y", "the content type's boundary is not 1 to 70 characters of those allowed"},
  };
  for (const auto& one : kCases) {
    const auto boundary = multipartBoundary(one.field);
    ASSERT_FALSE(boundary.ok()) << one.field;
    EXPECT_EQ(boundary.error().message, one.error) << one.field;
  }
  EXPECT_TRUE(multipartBoundary("multipart/form-data; boundary=" + std::string(70, 'x')).ok());
  EXPECT_FALSE(multipartBoundary("multipart/form-data; boundary=" + std::string(71, 'x')).ok());
}

TEST(Multipart, namesThatAreNoPathSayWhy) {
  for (const char* fit : {"index.js", "./index.js", "lib/a b.mjs", "a%22b", "...", "a/.hidden", "./0123-\xc3\xa4.wasm"})
    EXPECT_EQ(unfitPathReason(fit), nullptr) << fit;
  EXPECT_STREQ(unfitPathReason(""), "is empty");
  EXPECT_STREQ(unfitPathReason("./"), "holds an empty folder or file name");
  EXPECT_STREQ(unfitPathReason("/etc/passwd"), "begins with a slash");
  EXPECT_STREQ(unfitPathReason("a//b"), "holds an empty folder or file name");
  EXPECT_STREQ(unfitPathReason("a/"), "holds an empty folder or file name");
  EXPECT_STREQ(unfitPathReason(".."), "holds a folder or file named by dots alone");
  EXPECT_STREQ(unfitPathReason("./../x"), "holds a folder or file named by dots alone");
  EXPECT_STREQ(unfitPathReason("a/./b"), "holds a folder or file named by dots alone");
  EXPECT_STREQ(unfitPathReason("a/../../b"), "holds a folder or file named by dots alone");
  EXPECT_STREQ(unfitPathReason("a\\..\\b"), "holds a backslash");
  EXPECT_STREQ(unfitPathReason(std::string_view("a\0b", 3)), "holds a NUL");
  EXPECT_STREQ(unfitPathReason("a\r\nb"), "holds a control character");
  EXPECT_STREQ(unfitPathReason("a\xff"), "is not UTF-8");
}

TEST(Multipart, whatIsWrittenIsRead) {
  CountingRandom random;
  MultipartWriter writer(MultipartWriter::newBoundary(random));
  writer.add("metadata", std::nullopt, "", "{}");
  writer.add("a \"b\"\r\n\xc3\xa4.js", "a.js", "application/javascript+module", "\r\n--x\r\n");
  writer.add("empty", "", "text/plain", "");
  const auto boundary = multipartBoundary(writer.contentType());
  ASSERT_TRUE(boundary.ok()) << boundary.error().message;
  const std::string body = std::move(writer).finish();
  const auto parts = parseMultipart(base::asBytes(body), *boundary);
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->size(), 3u);
  EXPECT_EQ((*parts)[0].name, "metadata");
  EXPECT_EQ((*parts)[0].filename, std::nullopt);
  EXPECT_EQ((*parts)[0].text(), "{}");
  EXPECT_EQ((*parts)[1].name, "a \"b\"\r\n\xc3\xa4.js");
  EXPECT_EQ((*parts)[1].filename, "a.js");
  EXPECT_EQ((*parts)[1].contentType, "application/javascript+module");
  EXPECT_EQ((*parts)[1].text(), "\r\n--x\r\n");
  EXPECT_EQ((*parts)[2].filename, "");
  EXPECT_EQ((*parts)[2].text(), "");

  MultipartWriter odd("a b");
  EXPECT_EQ(*multipartBoundary(odd.contentType()), "a b");
}

}  // namespace
}  // namespace weir::http
