using System;
using System.Linq;
using Hakmem;
using Hakmem.WebService;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

// A service whose buffers come from Hakmem, with a page that shows the heap live. With --compare it instead serves itself the same requests with
// native and with managed buffers, says what that saved, and ends. --urls chooses another address.
bool isComparison = args.Contains("--compare");
string[] settings = [.. args.Where(argument => argument != "--compare")];
await using WebApplication app = Service.Create(isComparison ? ["--urls", "http://127.0.0.1:0"] : settings, HakmemAllocator.Shared);
await app.StartAsync();
if (isComparison)
{
    await Comparison.RunAsync(new Uri(app.Urls.First()), Console.Out);
    await app.StopAsync();
    return;
}

Console.WriteLine($"The dashboard is at {app.Urls.First()} . Press Ctrl+C to end.");
await app.WaitForShutdownAsync();
