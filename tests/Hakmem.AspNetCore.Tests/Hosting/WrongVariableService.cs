using System;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A service over the shared heap, in a process of its own with environment variables of the test: it says why its host
// does not start. With "existing" the service has registered the shared heap itself.
internal static class WrongVariableService
{
    public const string Name = "wrong-variable";
    public const string Existing = "existing";
    public const string Isolated = "isolated";

    public static async Task<int> RunAsync(string[] args)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        if (args is [Existing])
        {
            builder.Services.AddSingleton(HakmemAllocator.Shared);
        }

        builder.AddHakmem(options => options.Isolated = args is [Isolated]);
        await using WebApplication app = builder.Build();
        try
        {
            await app.StartAsync();
        }
        catch (OptionsValidationException refusal)
        {
            Console.WriteLine($"refused: {refusal.Message}");
            return 0;
        }

        Console.WriteLine("started");
        return 0;
    }
}
