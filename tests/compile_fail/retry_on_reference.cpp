// sentence: pawl: .retry_on<E> and .skip_on<E> take the type of an exception
// names: not_an_exception_type<conststd::exception&>
#include <exception>
#include "support.hpp"

const auto read = pawl::step<"read">([](const url&) { return page{}; }).retry_on<const std::exception&>({});
