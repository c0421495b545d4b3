using System.Collections.Generic;

namespace Hakmem.Mutants;

/// <summary>One slip: a text of one source file, what it is replaced by, and the tests that must fail then.</summary>
/// <param name="Name">What the slip does, in words.</param>
/// <param name="File">The source file's path from the repository's root.</param>
/// <param name="Project">The test project's folder below <c>tests/</c>.</param>
/// <param name="Filters">The test program's own options that choose the tests, such as <c>-class Hakmem.Tests.Small.SpanSetTests</c>.</param>
/// <param name="Before">The text, which must be in the file exactly once.</param>
/// <param name="After">What takes its place; may be empty.</param>
/// <param name="Equivalent">Why no test can tell the slip from the code, where that is so; else null.</param>
public sealed record Mutant(
    string Name, string File, string Project, IReadOnlyList<string> Filters, string Before, string After, string? Equivalent);
