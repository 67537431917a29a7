# What all targets of pawl have in common: language, warnings, sanitizers, and
# the defaults of a build that starts here and not in somebody else's project.

# Every target of ours goes through this.
function(pawl_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    $<$<BOOL:${PAWL_WERROR}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)  # GCC bug 105329: "text" + std::string
  endif()
  if(SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code confuses GCC's flow analysis: it warns of libstdc++'s own headers.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# One program `OUTPUT_DIR/NAME`. Its target has a prefix, so that a workflow, a
# bench and a test may share a name.
function(pawl_program prefix name output_dir)
  add_executable(${prefix}_${name} ${ARGN})
  pawl_target(${prefix}_${name})
  target_link_libraries(${prefix}_${name} PRIVATE pawl::pawl)
  set_target_properties(${prefix}_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${output_dir}")
endfunction()

macro(pawl_top_level_defaults)
  get_property(_pawl_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT CMAKE_BUILD_TYPE AND NOT _pawl_multi_config)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
  endif()
  # -O3 costs compile time and makes GCC 12 warn of overflows that are none.
  string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

  find_program(PAWL_CCACHE ccache)
  mark_as_advanced(PAWL_CCACHE)
  if(PAWL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${PAWL_CCACHE}")
  endif()
endmacro()

# A macro: the options must reach the caller's directory, thus every target.
# PAWL_SANITIZE tells the engine to map less memory: a sanitizer's shadow does
# not cope with a map of a terabyte.
macro(pawl_sanitize list)
  if(NOT "${list}" STREQUAL "")
    add_compile_options(-fsanitize=${list} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1 -O1)
    add_link_options(-fsanitize=${list})
    add_compile_definitions(PAWL_SANITIZE=1)
  endif()
endmacro()
