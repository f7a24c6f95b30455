#include "control/paging.h"

#include <algorithm>
#include <charconv>

namespace weir::control {

namespace {

constexpr size_t kPageSizeMax = 1'000;
constexpr size_t kPageSize = 50;

bool readNumber(const ApiRequest& request, std::string_view name, size_t& out) {
  const auto text = request.find(name);
  if (!text) return true;
  const auto end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, out);
  return read.ec == std::errc() && read.ptr == end && out > 0;
}

}  // namespace

ApiResult answerPaged(const ApiRequest& request, boost::json::array all, Paging paging) {
  Page page{1, kPageSize};
  // A cursor is the number of the page that comes next.
  const char* const where = paging == Paging::kPagesAndCursor && request.find("cursor") ? "cursor" : "page";
  if (!readNumber(request, where, page.number)) return malformedParameter(where);
  if (!readNumber(request, "per_page", page.size)) return malformedParameter("per_page");
  page.size = std::min(page.size, kPageSizeMax);
  const size_t count = all.size();
  // Nothing overflows: a page beyond the list is empty whatever its number.
  const size_t from = page.number - 1 >= (count + page.size - 1) / page.size ? count : (page.number - 1) * page.size;
  boost::json::array shown;
  for (size_t i = from; i < count && shown.size() < page.size; ++i) shown.push_back(std::move(all[i]));
  if (paging == Paging::kPagesAndCursor && from + shown.size() < count) page.next = std::to_string(page.number + 1);
  return answerPage(std::move(shown), page, count);
}

}  // namespace weir::control
