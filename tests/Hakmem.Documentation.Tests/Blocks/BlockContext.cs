using System.Collections.Generic;
using System.IO;

namespace Hakmem.Documentation.Tests.Blocks;

// What stands around a block that is no program by itself: code in front of it and behind it, in the same method. It names Hakmem's types in
// full, so that a block which forgets its using directive does not compile.
//
// Web contexts have the using directives that a project of the web SDK adds by itself, all others those of a console program's. That is all
// that a block does not have to say.
internal sealed record BlockContext(bool IsWeb, string Before, string After)
{
    private const string MakeService = """
        WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
        Hakmem.HakmemServiceCollectionExtensions.AddHakmem(builder);
        Hakmem.HakmemWebHostBuilderExtensions.UseHakmemForKestrel(builder);
        WebApplication app = builder.Build();
        """;

    private const string RunService = """
        await app.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.First()) };
        """;

    private static readonly BlockContext s_console = new(IsWeb: false, "", "");

    private static readonly Dictionary<string, BlockContext> s_byName = new()
    {
        // The block makes `app`.
        ["service"] = new(IsWeb: true, "", RunService + """

            using HttpResponseMessage response = await client.GetAsync("/");
            if (response.StatusCode != System.Net.HttpStatusCode.NotFound) throw new InvalidOperationException($"{response.StatusCode} for a page that is not there.");
            await app.StopAsync();
            """),

        // The block adds the end point /hash to `app`.
        ["service with /hash"] = new(IsWeb: true, MakeService, RunService + """

            byte[] sent = System.Security.Cryptography.RandomNumberGenerator.GetBytes(200_000);
            using HttpResponseMessage response = await client.PostAsync("/hash", new ByteArrayContent(sent));
            string expected = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(sent));
            if (await response.Content.ReadAsStringAsync() != expected) throw new InvalidOperationException("The hash is not what was sent hashes to.");
            await app.StopAsync();
            """),

        // The block adds the end point /count to `app`.
        ["service with /count"] = new(IsWeb: true, MakeService, RunService + """

            string count = await client.GetStringAsync("/count");
            if (count != "1") throw new InvalidOperationException("The region was not zero.");
            await app.StopAsync();
            """),

        // The block adds the end point /memory to `app`.
        ["service with /memory"] = new(IsWeb: true, MakeService, RunService + """

            Hakmem.PinnedMemoryPoolStatistics? figures = await client.GetFromJsonAsync<Hakmem.PinnedMemoryPoolStatistics>("/memory");
            if (figures is not { Rents: > 0 }) throw new InvalidOperationException("The service has rented nothing.");
            await app.StopAsync();
            """),
    };

    // Throws InvalidDataException for a name that is not known.
    public static BlockContext Of(CodeBlock block) => block.Context is null
        ? s_console
        : s_byName.TryGetValue(block.Context, out BlockContext? context)
            ? context
            : throw new InvalidDataException($"{block.Document}({block.Line - 1}): there is no context named '{block.Context}'.");

    // What the SDK adds to every source of a project.
    public string ImplicitUsings => """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;

        """ + (IsWeb ? """
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Hosting;
        global using Microsoft.AspNetCore.Http;
        global using Microsoft.AspNetCore.Routing;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        global using System.Net.Http.Json;

        """ : "");
}
