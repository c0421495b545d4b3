using System;
using System.Globalization;
using System.Linq;
using Hakmem;
using Hakmem.WebService;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// A service whose buffers come from Hakmem, with a page that shows the heap live. With --compare it instead serves itself the same requests with
// native and with managed buffers, says what that saved, and ends; a number after it says how many requests of each kind. --urls chooses another
// address.
bool isComparison = args.Contains("--compare");
await using WebApplication app = Service.Create(isComparison ? ["--urls", "http://127.0.0.1:0"] : args, HakmemAllocator.Shared);
await app.StartAsync();
if (isComparison)
{
    string? next = args.SkipWhile(argument => argument != "--compare").Skip(1).FirstOrDefault();
    bool isNumber = int.TryParse(next, NumberStyles.None, CultureInfo.InvariantCulture, out int requests);
    await Comparison.RunAsync(new Uri(app.Urls.First()), isNumber ? requests : Comparison.DefaultRequests, Console.Out);
    await app.StopAsync();
    return;
}

Console.WriteLine($"The dashboard is at {app.Urls.First()} . Press Ctrl+C to end.");
Console.WriteLine("To measure the same requests with managed buffers and say what Hakmem saves: start it with --compare.");
await app.WaitForShutdownAsync();
Console.WriteLine(app.Services.GetRequiredService<Rentals>().Describe());
