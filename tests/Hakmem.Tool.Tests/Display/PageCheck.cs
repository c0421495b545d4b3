using System;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tool.Tests.Display;

// Whether a page has all that it shows in itself.
internal static partial class PageCheck
{
    public static void AssertSelfContained(string page, int leastSlabs)
    {
        Assert.DoesNotMatch(Elsewhere(), page);
        Assert.DoesNotContain("{{", page, StringComparison.Ordinal);
        JsonElement heaps = JsonDocument.Parse(Data().Match(page).Groups[1].Value).RootElement;
        Assert.True(heaps.EnumerateArray().Sum(heap => heap.GetProperty("slabs").GetArrayLength()) >= leastSlabs);
        Assert.EndsWith("</html>", page.TrimEnd(), StringComparison.Ordinal);
    }

    // Whatever a browser would load: by an address, an element, a style or a script.
    [GeneratedRegex("""https?:|//[a-z]|\ssrc\s*=|<link|<iframe|<img|@import|url\(|fetch\(|XMLHttpRequest|import\s*\(""",
        RegexOptions.IgnoreCase)]
    private static partial Regex Elsewhere();

    [GeneratedRegex("""^const heaps = (.*);$""", RegexOptions.Multiline)]
    private static partial Regex Data();
}
