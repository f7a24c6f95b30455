// Texts that the catalog reads: host names, route patterns, request targets as routes match them, origins, cron
// expressions. What is read has one spelling, and reading that again changes nothing.
#include <memory>
#include <string>

#include "base/check.h"
#include "catalog/cron.h"
#include "catalog/hostname.h"
#include "catalog/origin.h"
#include "catalog/route_pattern.h"
#include "catalog/route_target.h"
#include "input.h"
#include "target.h"

namespace {

using namespace weir;
using namespace weir::catalog;
using fuzz::Input;

bool isOneLine(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

void tryHostname(std::string_view text) {
  const auto host = normalizeHostname(text);
  if (!host) return;
  CHECK(!host->empty());
  CHECK(host->size() <= kHostnameBytesMax);
  CHECK(normalizeHostname(*host) == host);
  for (const char c : *host)
    CHECK((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
  CHECK(host->front() != '.' && host->back() != '.');
  CHECK(host->find("..") == std::string::npos);
  CHECK(isInZone(*host, *host));
  CHECK(isInZone("x." + *host, *host));
  CHECK(!isInZone("x" + *host, *host));
}

void tryPattern(std::string_view text) {
  const auto pattern = parseRoutePattern(text, "example.com");
  if (!pattern.ok()) {
    CHECK(!pattern.error().message.empty());
    CHECK(isOneLine(pattern.error().message));
    return;
  }
  CHECK(pattern->path.starts_with('/'));
  CHECK(pattern->path.size() <= kRoutePathBytesMax);
  if (!pattern->pathPrefix) {
    std::string room(pattern->path.size() + 1, '\0');
    CHECK(normalizeTarget(pattern->path, room) == pattern->path);
  }
  CHECK(pattern->hosts == RoutePattern::Hosts::kAll || !pattern->host.empty());
  const std::string spelt = formatRoutePattern(*pattern);
  const auto again = parseRoutePattern(spelt, "example.com");
  CHECK(again.ok());
  CHECK(*again == *pattern);
  CHECK(formatRoutePattern(*again) == spelt);
}

void tryTarget(std::string_view text) {
  const size_t room = text.size() + 1;
  const std::unique_ptr<char[]> out(new char[room]);
  const std::string_view normal = normalizeTarget(text, {out.get(), room});
  CHECK(normal.size() <= room);
  if (isNormalTarget(text)) CHECK(normal == text);
  const std::string copy(normal);
  const std::unique_ptr<char[]> more(new char[copy.size() + 1]);
  CHECK(normalizeTarget(copy, {more.get(), copy.size() + 1}) == copy);
  // The query is kept as it is.
  if (const size_t question = text.find('?'); question != std::string_view::npos)
    CHECK(copy.ends_with(text.substr(question)));
  // No dot segment is left in the path.
  const std::string_view path = std::string_view(copy).substr(0, copy.find('?'));
  for (const std::string_view dots : {"/./", "/../"}) CHECK(path.find(dots) == std::string_view::npos);
  CHECK(!path.ends_with("/.") && !path.ends_with("/.."));
}

void tryOrigin(std::string_view text) {
  const auto origin = parseOrigin(text);
  if (!origin.ok()) {
    CHECK(isOneLine(origin.error().message));
    return;
  }
  CHECK(origin->port != 0);
  CHECK(!origin->host.empty());
  CHECK(isOneLine(origin->host));
  const auto again = parseOrigin(formatOrigin(*origin));
  CHECK(again.ok());
  CHECK(*again == *origin);
}

void tryCron(Input& input) {
  using namespace std::chrono;
  const auto minute = sys_time<minutes>(minutes(input.number<uint32_t>()));  // up to the year 10136
  const std::string_view text = input.rest();
  const auto cron = Cron::parse(text);
  if (!cron.ok()) {
    CHECK(!cron.error().message.empty());
    CHECK(isOneLine(cron.error().message));
    return;
  }
  CHECK(text.size() <= Cron::kTextBytesMax);
  // Case and space make no difference.
  std::string other;
  for (const char c : text) other += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto lower = Cron::parse(other);
  CHECK(lower.ok());
  CHECK(cron->matches(minute) == lower->matches(minute));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  switch (input.byte() % 5) {
    case 0: tryHostname(input.rest()); break;
    case 1: tryPattern(input.rest()); break;
    case 2: tryTarget(input.rest()); break;
    case 3: tryOrigin(input.rest()); break;
    default: tryCron(input);
  }
  return 0;
}
