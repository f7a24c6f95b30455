#include "http/codec/encoder.h"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "http/codec/field_syntax.h"

namespace weir::http {
namespace {

void appendNumber(std::string& out, uint64_t number, int base = 10) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  out.append(digits, end);
}

void appendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  out.append(value);
  out.append("\r\n");
}

// Fields that the framing writes itself.
bool belongsToFraming(std::string_view name) {
  return isHopByHop(name) || (name.size() == 14 && equalsIgnoreCase(name, "content-length"));
}

bool appendFields(std::string& out, const HeaderList& headers, std::string_view skipped, bool& hasDate) {
  for (const Header header : headers) {
    if (belongsToFraming(header.name)) continue;
    if (!skipped.empty() && equalsIgnoreCase(header.name, skipped)) continue;
    if (!isToken(header.name) || !isFieldValue(header.value)) return false;
    if (header.name.size() == 4 && equalsIgnoreCase(header.name, "date")) hasDate = true;
    appendField(out, header.name, header.value);
  }
  return true;
}

}  // namespace

bool appendResponseHead(std::string& out, uint16_t status, const HeaderList& headers, const ResponseFraming& framing) {
  if (status < 100 || status > 999 || !isFieldValue(framing.upgrade)) return false;
  const size_t before = out.size();
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
  } else {
    out.append("HTTP/1.1 ");
    appendNumber(out, status);
    out.push_back(' ');
    out.append(reasonPhrase(status));
    out.append("\r\n");
  }
  bool hasDate = false;
  if (!appendFields(out, headers, {}, hasDate)) {
    out.resize(before);
    return false;
  }
  if (framing.contentLength) {
    out.append("Content-Length: ");
    appendNumber(out, *framing.contentLength);
    out.append("\r\n");
  }
  if (framing.framing == Framing::kChunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!framing.connection.empty()) appendField(out, "Connection", framing.connection);
  if (!framing.upgrade.empty()) appendField(out, "Upgrade", framing.upgrade);
  if (!framing.date.empty() && !hasDate) appendField(out, "Date", framing.date);
  out.append("\r\n");
  return true;
}

bool appendRequestHead(std::string& out, std::string_view method, std::string_view target, std::string_view authority,
                       const HeaderList& headers, const RequestFraming& framing) {
  if (!isToken(method) || !isTarget(target) || !isAuthority(authority) || !isFieldValue(framing.upgrade)) return false;
  const size_t before = out.size();
  out.append(method);
  out.push_back(' ');
  out.append(target);
  out.append(" HTTP/1.1\r\n");
  appendField(out, "Host", authority);
  bool hasDate = false;
  if (!appendFields(out, headers, "host", hasDate)) {
    out.resize(before);
    return false;
  }
  if (framing.framing == Framing::kLength) {
    out.append("Content-Length: ");
    appendNumber(out, framing.contentLength);
    out.append("\r\n");
  } else if (framing.framing == Framing::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!framing.connection.empty()) appendField(out, "Connection", framing.connection);
  if (!framing.upgrade.empty()) appendField(out, "Upgrade", framing.upgrade);
  out.append("\r\n");
  return true;
}

void appendChunkSize(std::string& out, size_t size) {
  appendNumber(out, size, 16);
  out.append("\r\n");
}

std::string formatDate(int64_t secondsSince1970) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = static_cast<time_t>(secondsSince1970);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  const int size =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                    kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return std::string(text, static_cast<size_t>(size));
}

}  // namespace weir::http
