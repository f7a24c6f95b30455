// Error pages: what a client sees when the platform answers instead of a script or an origin. A pure function from a
// code (error_page_codes.h), the request's facts and a form (error_page_form.h) to status, headers and body.
//
// Everything taken from the request (host, ray, address) may be hostile and is escaped as the form demands.
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/error_page_codes.h"
#include "edge/error_page_form.h"

namespace weir::edge {

// Borrowed for the call. Any field may be empty; what is not known is left out of the page.
struct ErrorContext {
  std::string_view host;  // as the client named it
  std::string_view ray;   // as the cf-ray header has it: "0123456789abcdef-WEI"
  std::string_view clientIp;
  int64_t timeSeconds = 0;         // since 1970-01-01T00:00:00Z
  uint32_t retryAfterSeconds = 0;  // in place of the code's own, where a rule knows better; 0: the code's own
  // Setting: http(s) URL of the page on a code, "{code}" standing for the number ("/NNNN" is appended where it is
  // missing). Empty: `type` is "urn:weir:error:NNNN" and pages carry no link.
  std::string_view errorDocsUrl;
};

struct PageHeader {
  std::string_view name;  // lower case, static
  std::string value;      // never holds a control character
};

struct ErrorPage {
  uint16_t status = 500;
  std::vector<PageHeader> headers;  // content-type included, content-length not
  std::string body;                 // for HEAD the caller sends the headers and leaves this out
};

// `code` must be one of errorCodes().
ErrorPage renderErrorPage(uint16_t code, const ErrorContext& context, PageForm form);

}  // namespace weir::edge
