// The numbered errors a client can meet, and everything the platform says about each. One row per code; pages, plain
// text, JSON and Markdown are made from these rows and nothing else (reference/error-codes.md §1, §2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::edge {

// All text is ours, ASCII, one paragraph without markup unless said otherwise.
struct ErrorFacts {
  uint16_t code;  // 1000–1200, or an HTTP status from 400 to 526
  uint16_t httpStatus;
  std::string_view name;      // error_name
  std::string_view title;     // short text, without the number
  std::string_view category;  // error_category
  bool retryable;
  uint16_t retryAfterSeconds;  // 0: no Retry-After
  bool ownerActionRequired;
  std::string_view detail;
  std::string_view whatYouShouldDo;  // Markdown, for programs and their authors
  std::string_view whatHappened;     // left column of the page
  std::string_view forVisitor;       // right column
  std::string_view forOwner;         // right column, second paragraph; empty: none
};

// In ascending order of code.
std::span<const ErrorFacts> errorCodes();

// Null when the platform has no such code.
const ErrorFacts* findErrorFacts(uint16_t code);

// `code` itself, or where the platform has no such code the general one of its kind: 400 below 500, else 500.
uint16_t codeOrGeneral(uint16_t code);

// The test pages: `/cdn-cgi/error/NNNN` on any host. Nullopt: `path` (without query) is not below that prefix.
// Otherwise the facts to render, null for a code that does not exist: answer with 404.
std::optional<const ErrorFacts*> errorTestPage(std::string_view path);

}  // namespace weir::edge
